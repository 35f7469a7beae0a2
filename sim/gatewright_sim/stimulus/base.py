"""What the stimuli of all kernels have in common."""

from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from gatewright.driver.accelerator import Accelerator
from gatewright_sim.commands import Command

__all__ = ["Array", "Stimulus", "clamp", "uniform_int8"]

Array = npt.NDArray[Any]


class Stimulus(Protocol):
    """Inputs of one kernel call, seen from its four sides."""

    kernel: ClassVar[str]

    @property
    def command(self) -> Command:
        """Its integers."""

    @property
    def output_scale(self) -> float:
        """Real value of one unit of the output: what an error in real units is to be compared with."""

    def shape(self) -> dict[str, Any]:
        """The sizes that a person would ask for, by name."""

    def arrays(self) -> dict[str, Array]:
        """Every input array by name."""

    def golden(self) -> Array:
        """The bit-exact result: that of :attr:`command`."""

    def torch(self) -> Array:
        """The meaning: PyTorch's float result on the dequantised inputs, clamped to the output's range."""

    def run(self, accelerator: Accelerator) -> Array:
        """The result computed by an accelerator (integers)."""


def uniform_int8(rng: np.random.Generator, *shape: int) -> Array:
    """int8 in -127..127, as symmetric quantisation produces."""
    return rng.integers(-127, 128, shape).astype(np.int8)


def clamp(real: Array, scale: float, dtype: npt.DTypeLike = np.int8) -> Array:
    """Clamp real values to what integers of ``dtype`` times ``scale`` can hold."""
    limits = np.iinfo(dtype)
    return np.clip(real, limits.min * scale, limits.max * scale)
