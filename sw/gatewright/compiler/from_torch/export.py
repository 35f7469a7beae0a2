"""A module becomes an ONNX model, by PyTorch's exporter, and is seen to compute the same there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import onnx
import torch
from torch import nn

from gatewright.compiler.errors import CompileError
from gatewright.compiler.from_torch.example import Example, array_of, read_example
from gatewright.compiler.from_torch.exporter import first_cause, to_onnx
from gatewright.compiler.from_torch.results import flattened
from gatewright.compiler.from_torch.sets import named_sets
from gatewright.compiler.quantisation.measure import relative_error
from gatewright.program.onnx_session import OnnxSession, SessionError

__all__ = ["Exported", "export_module"]

TOLERANCE = 1e-3
"""Relative root mean square error between PyTorch and ONNX Runtime."""

SMALLEST_DYNAMIC = 2
"""PyTorch's exporter takes smaller sizes for constants."""


@dataclass(frozen=True)
class Exported:
    """A module as the compiler takes it.

    Attributes
    ----------
    model : with inputs named like the arguments of forward, outputs like the fields of what it gives.
    example : the inputs that it was exported with.
    title : the module's class.
    """

    model: onnx.ModelProto
    example: Example
    title: str

    def sets(self, calibration: Any) -> list[dict[str, Any]]:
        """``calibration`` by name, see :func:`named_sets`; the example inputs where it is None."""
        if calibration is None:
            return [self.example.arrays()]
        return named_sets(calibration, self.example, self.title)


def export_module(
    module: Any,
    example_inputs: object,
    *,
    dynamic_axes: Mapping[str, Mapping[int, str]] | None = None,
    largest: Mapping[str, int] | None = None,
    outputs: Collection[str] | None = None,
) -> Exported:
    """The module in evaluation mode, which is left as it was.

    Parameters
    ----------
    module : a `torch.nn.Module`.
    example_inputs : see :func:`read_example`.
    dynamic_axes : by input, the names of the dimensions by axis that calls may bring in other sizes.
    largest : their largest sizes.
    outputs : names of the outermost results that are kept; all where it is None.

    Raises :class:`CompileError`, naming the module, where it fails for the example inputs, PyTorch cannot export it, or
    the exported model gives something else than the module.
    """
    title = type(module).__name__
    example = read_example(module, example_inputs)
    flat = _Flat(module, example, outputs)
    sizes = _dimensions(example, dynamic_axes or {}, largest or {})
    tensors = tuple(example.tensors.values())
    with _evaluating(module), torch.no_grad():
        try:
            expected = flat.results(*tensors)
        except CompileError:
            raise
        except Exception as error:  # whatever the module's own code raises
            raise CompileError(f"{title} fails for its example inputs: {first_cause(error)}") from error
        shapes = (tuple(sizes.get(name) for name in example.tensors),) if sizes else None
        model = to_onnx(flat, tensors, list(example.tensors), list(expected), title=title, dynamic_shapes=shapes)
    try:
        found = OnnxSession(model.SerializeToString()).run(list(expected), example.arrays())
    except SessionError as error:
        raise CompileError(f"{title} was exported, but does not run: {error}") from error
    for (name, right), have in zip(expected.items(), found, strict=True):
        off = relative_error(have, array_of(right))
        if not off <= TOLERANCE:
            raise CompileError(
                f"{title} was exported, but its {name} differs from PyTorch's by {off:.2g} (rms), allowed {TOLERANCE:g}"
            )
    return Exported(model, example, title)


def _dimensions(
    example: Example, axes: Mapping[str, Mapping[int, str]], largest: Mapping[str, int]
) -> dict[str, dict[int, Any]]:
    """By input and axis PyTorch's dynamic dimensions."""
    dims: dict[str, Any] = {}
    found: dict[str, dict[int, Any]] = {}
    for name, names in axes.items():
        if name not in example.tensors:
            raise CompileError(f"dynamic_axes has {name!r}, allowed are the inputs: {', '.join(example.tensors)}")
        shape = example.tensors[name].shape
        for axis, dim in names.items():
            if not 0 <= axis < len(shape):
                raise CompileError(f"dynamic_axes of {name!r} has axis {axis}, allowed: 0..{len(shape) - 1}")
            if dim not in largest:
                raise CompileError(f"dimension {dim!r} of {name!r} has no sizes, needed: buckets or a capacity for it")
            if min(shape[axis], largest[dim]) < SMALLEST_DYNAMIC:
                raise CompileError(
                    f"dimension {dim!r} of {name!r} is {shape[axis]} in the example inputs and up to {largest[dim]}, "
                    f"allowed: {SMALLEST_DYNAMIC} or more"
                )
            dims.setdefault(dim, torch.export.Dim(dim, min=SMALLEST_DYNAMIC, max=max(largest[dim], shape[axis])))
            found.setdefault(name, {})[axis] = dims[dim]
    return found


class _Flat(nn.Module):  # type: ignore[misc]
    """A module that takes tensors in a row and gives tensors in a row."""

    def __init__(self, module: Any, example: Example, outputs: Collection[str] | None) -> None:
        super().__init__()
        self.module, self._example, self._outputs = module, example, outputs

    def results(self, *tensors: Any) -> dict[str, Any]:
        """What the module gives for tensors in the order of the example, by name."""
        return flattened(self._example.call(self.module, tensors), type(self.module).__name__, self._outputs)

    def forward(self, *tensors: Any) -> tuple[Any, ...]:
        # Each a tensor of its own: an input that is given back, or one tensor under two names, is one value in ONNX.
        seen: list[Any] = list(tensors)
        found = []
        for tensor in self.results(*tensors).values():
            found.append(tensor.clone() if any(tensor is each for each in seen) else tensor)
            seen.append(tensor)
        return tuple(found)


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """The module and its parts in evaluation mode, and afterwards each in its own."""
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
