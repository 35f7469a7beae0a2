"""Steps of a program that run on the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.program.compiled import HostStep
from gatewright.program.onnx_session import OnnxSession, SessionError

__all__ = ["HostRunner"]


class HostRunner:
    """One host step. Its session is made once, by the first call; one thread calls at a time."""

    def __init__(self, step: HostStep) -> None:
        self.step = step
        self._session: OnnxSession | None = None
        self._name = f"host step of node {step.nodes[0]!r}" if step.nodes else "host step"

    def run(self, values: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """The step's outputs by name. Raises :class:`DriverError` where ONNX Runtime is missing or fails."""
        try:
            self._session = self._session or OnnxSession(self.step.model)
            results = self._session.run(self.step.outputs, {name: values[name] for name in self.step.inputs})
        except ImportError as error:
            raise DriverError(f"{self._name} needs onnxruntime ({error}): pip install onnxruntime") from error
        except SessionError as error:
            raise DriverError(f"{self._name}: {error}") from error
        return dict(zip(self.step.outputs, results, strict=True))
