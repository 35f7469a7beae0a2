"""PyTorch's exporter, as all that is exported here goes through it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from typing import Any

import onnx
import onnx_ir as ir
import torch

from gatewright.compiler.errors import CompileError
from gatewright.compiler.operators import add_functions
from gatewright.program.errors import first_line

__all__ = ["OPSET", "first_cause", "to_onnx"]

OPSET = 18


def to_onnx(
    module: Any,
    tensors: Sequence[Any],
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    title: str,
    dynamic_shapes: tuple[Any, ...] | None = None,
) -> onnx.ModelProto:
    """The ONNX model of a module that takes ``tensors``, named ``inputs``, and gives ``outputs``; with the bodies of
    the operators of domain ``gatewright`` that it uses.

    ``dynamic_shapes`` : as of `torch.onnx.export`. Raises :class:`CompileError` with PyTorch's reason and ``title``.
    """
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                tuple(tensors),
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=OPSET,
                dynamic_shapes=dynamic_shapes,
                dynamo=True,
                verbose=False,
            )
        add_functions(program.model)
        model: onnx.ModelProto = ir.to_proto(program.model)
    except CompileError:
        raise
    except Exception as error:  # PyTorch's and the module's own
        raise CompileError(f"{title} cannot be exported by PyTorch: {first_cause(error)}") from error
    model.graph.name = title
    return model


def first_cause(error: BaseException) -> str:
    """The first cause of an exception in one line: PyTorch's exporter wraps it several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {first_line(error)}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of its own internals, and of packages that are not there."""
    loggers = [logging.getLogger(name) for name in ("torch", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stderr(StringIO()):  # it prints graphs there
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
