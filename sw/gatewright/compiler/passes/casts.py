"""Integers become real numbers before they are moved, and indices are read as they come."""

import onnx_ir as ir

from gatewright.compiler.passes.rewriting import Pass, emit, producer, replace
from gatewright.compiler.passes.views import view_source

__all__ = ["DropCastsOfIndices", "MoveCastsBeforeViews"]

_INDICES = (ir.DataType.INT32, ir.DataType.INT64)


class DropCastsOfIndices(Pass):
    """Before: ``Gather(table, Cast(ids))`` between int32 and int64. After: ``Gather(table, ids)``."""

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in model.graph:
            if node.domain or node.op_type != "Gather":
                continue
            while (cast := producer(node.inputs[1], "Cast")) is not None:
                source = cast.inputs[0]
                if source is None or source.dtype not in _INDICES or cast.outputs[0].dtype not in _INDICES:
                    break
                node.replace_input_with(1, source)
                changed = True
        return changed


class MoveCastsBeforeViews(Pass):
    """Before: ``Cast(Slice(x))`` to float of integers, or behind any other operator that only moves elements.

    After: ``Slice(Cast(x))``. The fabric moves real numbers, and the host writes integers in the format of those.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in list(model.graph):
            while (moved := _move(model.graph, node)) is not None:
                node, changed = moved, True
        return changed


def _move(graph: ir.Graph, cast: ir.Node) -> ir.Node | None:
    """The new Cast, or None where this one stays."""
    out, view = cast.outputs[0], cast.inputs[0].producer() if cast.inputs and cast.inputs[0] is not None else None
    source = view_source(view)
    if cast.domain or cast.op_type != "Cast" or view is None or source is None or source.dtype is None:
        return None
    if source.dtype.is_floating_point() or out.dtype is None or not out.dtype.is_floating_point():
        return None
    real = emit("Cast", [source], view, graph, attributes={"to": int(out.dtype)}, shape=source.shape, dtype=out.dtype)
    copy = ir.node(view.op_type, [real, *view.inputs[1:]], view.attributes, num_outputs=len(view.outputs))
    graph.insert_after(cast, copy)
    for new, old in zip(copy.outputs, view.outputs, strict=True):
        new.shape, new.dtype = old.shape, out.dtype
    moved = copy.outputs[view.outputs.index(cast.inputs[0])]
    replace(out, moved, copy)
    return real.producer()
