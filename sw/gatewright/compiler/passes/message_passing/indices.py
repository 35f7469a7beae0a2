"""Indices that follow from a model's integer inputs alone are made by the host before the fabric is rung."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.graph_access import graph_of, operand, shape_of, type_of
from gatewright.compiler.passes.message_passing.probes import Probes
from gatewright.compiler.passes.message_passing.structure import Body, Structure, insert
from gatewright.compiler.passes.rewriting import Pass, array, emit, replace

__all__ = ["PrepareIndices"]


class PrepareIndices(Pass):
    """Before: rows are gathered by indices that are computed from integer inputs, a row of ``edge_index`` for example.
    After: a function of domain `HOST_DOMAIN` makes the indices; GatherND of whole rows is a Gather."""

    def rewrite(self, model: ir.Model) -> bool:
        known: dict[ir.Value, ir.Value] = {}
        changed = False
        for node in list(model.graph):
            if node.domain or node.op_type not in ("Gather", "GatherND") or not _gathers_rows(node):
                continue
            index = operand(node, 1)
            if index not in known:
                made = self._made(model, index, node.op_type == "GatherND")
                if made is None:
                    continue
                known[index] = made
            rows = emit("Gather", [node.inputs[0], known[index]], node, graph_of(node), shape=shape_of(node.outputs[0]))
            replace(node.outputs[0], rows)
            changed = True
        return changed

    def _made(self, model: ir.Model, index: ir.Value, in_tuples: bool) -> ir.Value | None:
        """The indices as the result of a function, or None where they need more than integer inputs."""
        structure = Structure(Probes(model, [index], self.bindings))
        floats = [value for value in structure.probes.inputs if value.dtype is None or not value.dtype.is_integer()]
        if not structure.probes.sizes or floats or not structure.holds(index):
            return None
        body = Body(model, structure)
        found = body.copy(index)
        found = body.op("Squeeze", found, np.array([-1], np.int64)) if in_tuples else body.op("Identity", found)
        node = body.call("indices_of", [found])
        insert(model.graph, node)
        made = node.outputs[0]
        made.name, made.dtype = f"{node.name}_result", type_of(index)
        made.shape = ir.Shape(list(shape_of(index))[:-1] if in_tuples else shape_of(index))
        return made


def _gathers_rows(node: ir.Node) -> bool:
    """Whether a node gathers rows of a float matrix by indices that other nodes compute."""
    table, index = operand(node, 0), operand(node, 1)
    if array(index) is not None or _is_given(index) or index.shape is None or table.shape is None:
        return False
    if table.dtype != ir.DataType.FLOAT or len(table.shape) != 2 or node.outputs[0].shape is None:
        return False
    if node.op_type == "Gather":
        return not node.attributes.get_int("axis", 0)
    last = index.shape[-1] if len(index.shape) else None
    return last == 1 and not node.attributes.get_int("batch_dims", 0)


def _is_given(index: ir.Value) -> bool:
    """Whether nothing is computed: an input, of another type perhaps, which indices need not be cast from."""
    while (node := index.producer()) is not None and node.op_type == "Cast" and node.inputs[0] is not None:
        index = node.inputs[0]
    return index.producer() is None
