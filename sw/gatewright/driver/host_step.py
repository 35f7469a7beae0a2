"""Steps of a program that run on the host. ONNX Runtime is imported when the first of them runs, not before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.program.compiled import HostStep

__all__ = ["HostRunner"]


class HostRunner:
    """One host step. Its session is made once, by the first call; one thread calls at a time."""

    def __init__(self, step: HostStep) -> None:
        self.step = step
        self._session: Any = None
        self._name = f"host step of node {step.nodes[0]!r}" if step.nodes else "host step"

    def run(self, values: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """The step's outputs by name. Raises :class:`DriverError` where ONNX Runtime is missing or fails."""
        if self._session is None:
            self._session = self._open_session()
        try:
            results = self._session.run(list(self.step.outputs), {name: values[name] for name in self.step.inputs})
        except Exception as error:  # ONNX Runtime has no root of its exceptions
            raise DriverError(f"{self._name}: ONNX Runtime failed: {_first_line(error)}") from error
        return dict(zip(self.step.outputs, results, strict=True))

    def _open_session(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise DriverError(f"{self._name} needs onnxruntime ({error}): pip install onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what fails is raised, too
        try:
            return onnxruntime.InferenceSession(self.step.model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise DriverError(f"{self._name}: ONNX Runtime cannot load it: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
