"""ONNX Runtime for pieces of a model: the only place where it is imported, when the first piece runs and not before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any

import numpy.typing as npt

from gatewright.program.errors import first_line
from gatewright.spec.errors import GatewrightError

__all__ = ["OnnxSession", "SessionError"]

Array = npt.NDArray[Any]

_SILENT = 4
"""Log nothing: what fails is raised, too."""


class SessionError(GatewrightError, RuntimeError):
    """ONNX Runtime refuses a model, or fails: one line that says so."""


class OnnxSession:
    """A model in ONNX Runtime, on the host's processor.

    Parameters
    ----------
    model : a serialised ONNX model.
    fused : whether operators may be joined and reordered, so that values between them need not exist.
    threads : of one operator; 0 for as many as there are cores. Without work they sleep, and leave the cores to others.

    Raises :class:`ImportError` where ONNX Runtime is not installed, and :class:`SessionError` where it refuses the
    model.
    """

    def __init__(self, model: bytes, *, fused: bool = True, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = _SILENT, threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if not fused:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no root of its exceptions
            raise SessionError(f"ONNX Runtime cannot load it: {first_line(error)}") from error

    @property
    def outputs(self) -> dict[str, Any]:
        """ONNX Runtime's description of each output (``shape``, ``type``) by name."""
        return {output.name: output for output in self._session.get_outputs()}

    def run(self, names: Sequence[str], values: Mapping[str, Array], seconds: float | None = None) -> list[Array]:
        """The outputs ``names`` for inputs by name.

        Raises :class:`SessionError` where ONNX Runtime fails, or has not ended after ``seconds``.
        """
        import onnxruntime

        options = onnxruntime.RunOptions()
        try:
            with _ended(options, seconds):
                return list(self._session.run(list(names), dict(values), options))
        except Exception as error:
            if options.terminate:
                raise SessionError(f"ONNX Runtime has not ended after {seconds:g} s") from error
            raise SessionError(f"ONNX Runtime failed: {first_line(error)}") from error


@contextmanager
def _ended(options: Any, seconds: float | None) -> Iterator[None]:
    """Ends a run with ``options`` that takes longer."""
    if seconds is None:
        yield
        return
    timer = Timer(seconds, setattr, (options, "terminate", True))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
