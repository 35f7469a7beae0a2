"""Steps of a program that run on the host."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.program.compiled import HostStep
from gatewright.program.errors import InputError
from gatewright.program.onnx_session import OnnxSession, SessionError

__all__ = ["HostRunner"]


class HostRunner:
    """One host step. Its session is made once, by the first call; one thread calls at a time."""

    def __init__(self, step: HostStep) -> None:
        self.step = step
        self._session: OnnxSession | None = None
        self._name = f"host step of node {step.nodes[0]!r}" if step.nodes else "host step"

    def run(self, values: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """The step's outputs by name.

        Raises :class:`InputError` where an integer, an edge of a graph for example, points beyond what it indexes, and
        :class:`DriverError` where ONNX Runtime is missing or fails otherwise.
        """
        try:
            self._session = self._session or OnnxSession(self.step.model)
            results = self._session.run(self.step.outputs, {name: values[name] for name in self.step.inputs})
        except ImportError as error:
            raise DriverError(f"{self._name} needs onnxruntime ({error}): pip install onnxruntime") from error
        except SessionError as error:
            if beyond := _BEYOND.search(str(error)):
                names = " or ".join(self._indices(values)) or "a result"
                raise InputError(
                    f"{names} has the index {beyond[1]}, which points beyond the rows it is for"
                ) from error
            raise DriverError(f"{self._name}: {error}") from error
        return dict(zip(self.step.outputs, results, strict=True))

    def _indices(self, values: Mapping[str, npt.NDArray[Any]]) -> list[str]:
        """The step's inputs of integers."""
        return [name for name in self.step.inputs if values[name].dtype.kind in "iu"]


_BEYOND = re.compile(r"(?:indices element out of data bounds, idx=|invalid index found, index = )(-?\d+)")
"""How ONNX Runtime says that an index is out of range."""
