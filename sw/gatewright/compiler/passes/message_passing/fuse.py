"""Message passing becomes a product with a sparse matrix in compressed rows."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.graph_access import graph_of, maker_of
from gatewright.compiler.operators import add_functions
from gatewright.compiler.passes.fold import FoldConstants
from gatewright.compiler.passes.message_passing.match import Aggregation, match, reader
from gatewright.compiler.passes.message_passing.probes import KINDS, Probes, draw
from gatewright.compiler.passes.message_passing.structure import Body, Structure, insert
from gatewright.compiler.passes.probe import ancestors, evaluator
from gatewright.compiler.passes.quantised import RANGE
from gatewright.compiler.passes.rewriting import Pass, emit, initializer, replace
from gatewright.program.onnx_session import SessionError

__all__ = ["FuseMessagePassing"]

_AHEAD = 4
"""Nodes behind a scatter that are looked at: factors of its rows, and what they are made of."""


class FuseMessagePassing(Pass):
    """Before: features gathered by the source of each edge, weighed, and scattered with a sum by its target, in any
    spelling. After: ``gatewright.CsrMatMul``.

    The matrix follows from the graph alone: lists of edges, their weights, degrees, loops that are added. Where these
    are constant, so is the matrix; otherwise a function of domain `HOST_DOMAIN` makes it of the model's inputs, with
    its rows sorted. An index below 0 counts from the end, as in ONNX.

    Raises `CompileError` for a constant edge that points beyond the nodes.
    """

    def rewrite(self, model: ir.Model) -> bool:
        known: dict[tuple[object, ...], list[ir.Value]] = {}
        changed = False
        for node in list(model.graph):
            reduction = node.attributes.get_string("reduction", "none")
            if node.domain or node.op_type not in ("ScatterElements", "ScatterND") or reduction != "add":
                continue
            if node.op_type == "ScatterElements" and node.attributes.get_int("axis") not in (None, 0):
                continue
            changed |= self._fuse(model, node, known)
        if changed:
            FoldConstants(self.bindings).run(model)
        return changed

    def _fuse(self, model: ir.Model, node: ir.Node, known: dict[tuple[object, ...], list[ir.Value]]) -> bool:
        around = _around(node)
        structure = Structure(Probes(model, around, self.bindings))
        if not structure.probes.sizes or structure.holds(node.inputs[2]):
            return False
        found = match(node, structure)
        if found is None:
            return False
        key = (found.target, found.source, found.rows, *found.factors)
        if key not in known:
            known[key] = self._matrix(model, found, structure)
        columns = structure.probes.of(found.features)
        assert columns is not None
        last = maker_of(found.result)
        product = emit(
            "CsrMatMul",
            [*known[key], found.features],
            last,
            graph_of(last),
            shape=[_size(found.rows), columns[0].shape[1]],
            ours=True,
        )
        before = around[: around.index(found.result)]  # of the same shape, which others may ask for
        asked = [use for value in before for use in value.uses() if use.node.op_type == "Shape"]
        replace(found.result, product)
        for use in asked:
            use.node.replace_input_with(use.idx, product)
        add_functions(model)  # the next one is looked at behind this one
        return True

    def _matrix(self, model: ir.Model, found: Aggregation, structure: Structure) -> list[ir.Value]:
        """Row pointers, columns and weights."""
        body = Body(model, structure)
        outputs = _compressed(body, found, structure)
        node = body.call("edges_of", outputs)
        name = node.name
        insert(model.graph, node)
        kinds = (ir.DataType.INT64, ir.DataType.INT64, ir.DataType.FLOAT)
        for value, kind, what in zip(node.outputs, kinds, ("row_ptr", "col", "weight"), strict=True):
            value.name, value.dtype = f"{name}_{what}", kind
        if not body.arguments:
            return _computed(model, node)
        lengths = structure.probes.of(found.target)
        assert lengths is not None
        count = structure.probes.size([each.size for each in lengths])
        if count is None:
            count = f"{name}_count"
            self.bindings.derived[count] = self._largest(model, node, structure)
        rows = _size(found.rows)
        node.outputs[0].shape = ir.Shape([rows + 1])
        for value in node.outputs[1:]:
            value.shape = ir.Shape([_size(count)])
        _bound(model, node, structure)
        return list(node.outputs)

    def _largest(self, model: ir.Model, node: ir.Node, structure: Structure) -> int:
        """The most edges of a graph at the capacity of its dimensions: with loops, without them, mixed."""
        rng, capacity = np.random.default_rng(0), dict(self.bindings.capacity)
        count = evaluator(model, [node.outputs[1]], given := _given(node))
        limit = 2
        return max(
            len(count(*(draw(value, capacity, limit, kind, rng) for value in given))[0])
            for kind in ("one edge", "ring")
        )


def _around(node: ir.Node) -> list[ir.Value]:
    """A scatter's result, and what a few nodes behind it make of it."""
    found, value = [node.outputs[0]], node.outputs[0]
    for _ in range(_AHEAD):
        after = reader(value)
        if after is None or after.domain:
            break
        value = after.outputs[0]
        found.append(value)
    return found


def _given(node: ir.Node) -> list[ir.Value]:
    return [value for value in ancestors(list(node.outputs)) if value.is_graph_input()]


def _size(size: int | str) -> int | ir.SymbolicDim:
    return size if isinstance(size, int) else ir.SymbolicDim(size)


def _compressed(body: Body, found: Aggregation, structure: Structure) -> list[ir.Value]:
    """Row pointers, columns and weights, computed by a function."""
    flat, zero, one = np.array([-1], np.int64), np.int64(0), np.int64(1)

    def vector(value: ir.Value, kind: ir.DataType) -> ir.Value:
        return body.op("Cast", body.op("Reshape", body.copy(value), flat), to=int(kind))

    def inside(index: ir.Value, size: int | str) -> ir.Value:
        """Indices from the front; onnxruntime refuses one that is beyond the nodes."""
        count = body.op("Squeeze", body.dimension(size))
        return body.op("Gather", body.op("Range", zero, count, one), index)

    features = structure.probes.of(found.features)
    assert features is not None
    columns = structure.probes.size([len(each) for each in features])
    target = vector(found.target, ir.DataType.INT64)
    count = body.op("Shape", target)
    if found.source is None or columns is None:
        source = body.op("Range", zero, body.op("Squeeze", count), one)
    else:
        source = inside(vector(found.source, ir.DataType.INT64), columns)
    target = inside(target, found.rows)
    weight = body.op("Expand", np.ones(1, np.float32), count)
    for factor in found.factors:
        number = vector(factor.value, ir.DataType.FLOAT)
        if factor.of != "edge":
            number = body.op("Gather", number, target if factor.of == "target" else source)
        weight = body.op("Div" if factor.inverse else "Mul", weight, number)
    order = body.op("TopK", target, count, results=2, axis=0, largest=0, sorted=1)
    rows = body.dimension(found.rows)
    none = body.op("Expand", np.array([0], np.int64), rows)
    ones = body.op("Expand", np.array([1], np.int64), count)
    degree = body.op("ScatterElements", none, target, ones, axis=0, reduction="add")
    ends = body.op("CumSum", degree, np.array(0, np.int64))
    row_ptr = body.op("Concat", np.array([0], np.int64), ends, axis=0)
    return [row_ptr, body.op("Gather", source, order), body.op("Gather", weight, order)]


def _computed(model: ir.Model, node: ir.Node) -> list[ir.Value]:
    """The matrix of a constant graph."""
    try:
        arrays = evaluator(model, node.outputs)()
    except SessionError as error:
        raise CompileError(
            f"the constant graph of {node.name} has an edge that points beyond its nodes: {error}"
        ) from None
    names = [value.name or "" for value in node.outputs]
    model.graph.remove(node, safe=True)
    del model.functions[node.op_identifier()]
    return [initializer(model.graph, data, name) for data, name in zip(arrays, names, strict=True)]


def _bound(model: ir.Model, node: ir.Node, structure: Structure) -> None:
    """Weights that follow from the edges alone are never larger than on the graphs that have the fewest of them."""
    given = _given(node)
    if any(
        value.dtype is not None and value.dtype.is_floating_point() and len(value.shape or ()) == 1 for value in given
    ):
        return
    compute, rng = evaluator(model, [node.outputs[2]], given), np.random.default_rng(0)
    limits = structure.probes.limit
    drawn = [
        compute(*(draw(value, sizes, limits, kind, rng) for value in given))[0]
        for sizes in structure.probes.sizes[:: len(KINDS)]
        for kind in KINDS
    ]
    largest = max(float(np.abs(each).max(initial=0.0)) for each in drawn)
    if largest > 0:
        node.outputs[2].metadata_props[RANGE] = f"{-largest},{largest}"
