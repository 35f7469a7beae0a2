"""Dynamic dimensions get their sizes."""

import re
from collections.abc import Iterable, Iterator

import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.passes.rewriting import Pass

__all__ = ["BindDimensions", "symbols"]


def symbols(size: int | ir.SymbolicDim) -> set[str]:
    """Names of the dynamic dimensions that a size depends on, "?" for an unknown one."""
    if isinstance(size, int):
        return set()
    return set(re.findall(r"[^\W\d][\w.]*(?!\w*\()", size.value)) if size.value else {"?"}


class BindDimensions(Pass):
    """Before: inputs with dynamic dimensions. After: each has the size of its bucket, or is one of those with a
    capacity.

    Shapes of other values follow where they are an expression of the names, and are forgotten otherwise.

    Raises `CompileError` for an input's dimension that has neither, and for a name that the model does not have.
    """

    def rewrite(self, model: ir.Model) -> bool:
        inputs = model.graph.inputs
        sizes = [size for value in inputs for size in value.shape or ()]
        known = {name for size in sizes for name in symbols(size)}
        texts = {size.value for size in sizes if isinstance(size, ir.SymbolicDim)}
        known |= set(self.bindings.buckets) & texts
        for option in ("buckets", "capacity"):
            for name in getattr(self.bindings, option):
                if name not in known:
                    allowed = ", ".join(sorted(known)) or "none, all are static"
                    raise CompileError(f"{option}: the model has no dynamic dimension {name!r}, allowed are {allowed}")
        changed = False
        for value in _values(model):
            if value.shape is None or value.shape.is_static():
                continue
            bound = [self._bind(size) for size in value.shape]
            changed |= bound != list(value.shape)
            value.shape = ir.Shape(bound)
        for value in inputs:
            for axis, size in enumerate(value.shape or ()):
                if size == ir.SymbolicDim(None):
                    missing = _original(value, axis, known - set(self.bindings.buckets) - set(self.bindings.capacity))
                    raise CompileError(
                        f"input {value.name}, axis {axis}: the size is dynamic ({missing}), allowed is a size in "
                        "buckets or a largest size in capacity"
                    )
        return changed

    def _bind(self, size: int | ir.SymbolicDim) -> int | ir.SymbolicDim:
        if isinstance(size, int) or size.value is None:
            return size
        if size.value in self.bindings.buckets:  # also a text that would be an expression, such as "batch-size"
            return self.bindings.buckets[size.value]
        try:
            bound = size.evaluate(self.bindings.buckets)
        except ValueError:  # a name that is no expression
            bound = self.bindings.buckets.get(size.value, size)
        return bound if symbols(bound) <= set(self.bindings.capacity) else ir.SymbolicDim(None)


def _original(value: ir.Value, axis: int, names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or f"{value.name}_{axis}"


def _values(model: ir.Model) -> Iterator[ir.Value]:
    for graph in model.graphs():
        yield from graph.inputs
        for node in graph:
            yield from node.outputs
