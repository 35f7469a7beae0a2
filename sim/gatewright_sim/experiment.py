"""One kernel on the RTL, against the golden model, PyTorch and its roofline."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.config import get_config
from gatewright_sim.rtl.backend import RtlBackend
from gatewright_sim.stimulus import Stimulus

__all__ = ["Outcome", "simulate"]


@dataclass(frozen=True)
class Outcome:
    """What one simulation showed.

    ``torch_max_abs_error`` is in real units, as is ``output_scale``, the value of the result's last place.
    """

    kernel: str
    config: str
    seed: int
    shape: dict[str, Any]
    cycles: int
    min_cycles_compute: int
    min_cycles_memory: int
    golden_equal: bool
    torch_max_abs_error: float
    output_scale: float
    cycles_per_second: float

    @property
    def roofline_fraction(self) -> float:
        """Achieved part of the roofline, 0..1."""
        return max(self.min_cycles_compute, self.min_cycles_memory) / self.cycles if self.cycles else 0.0

    @property
    def compute_fraction(self) -> float:
        """Achieved part of the peak multiply-accumulate rate, 0..1."""
        return self.min_cycles_compute / self.cycles if self.cycles else 0.0

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, with the two fractions."""
        return {
            **asdict(self),
            "roofline_fraction": self.roofline_fraction,
            "compute_fraction": self.compute_fraction,
        }


def simulate(stimulus: Stimulus, config: str, seed: int, waves: Path | None = None) -> Outcome:
    """Run ``stimulus`` on the Verilated RTL of ``config`` and compare. Raises what :class:`Accelerator` raises."""
    with Accelerator(config, "golden") as golden:  # first, so that a shape it refuses costs no build of the RTL
        expected = stimulus.run(golden)
    backend = RtlBackend(get_config(config), waves=waves)
    with Accelerator(config, backend) as accelerator:
        result = stimulus.run(accelerator)
        report = accelerator.report()
        speed = backend.cycles_per_second
    (engine,) = [engine for engine in report.engines if engine.commands]
    meaning = stimulus.torch()
    return Outcome(
        kernel=stimulus.kernel,
        config=config,
        seed=seed,
        shape=stimulus.shape(),
        cycles=engine.cycles,
        min_cycles_compute=engine.min_cycles_compute,
        min_cycles_memory=engine.min_cycles_memory,
        golden_equal=bool(np.array_equal(result, expected)),
        torch_max_abs_error=float(np.max(np.abs(result * stimulus.output_scale - meaning), initial=0.0)),
        output_scale=stimulus.output_scale,
        cycles_per_second=speed,
    )
