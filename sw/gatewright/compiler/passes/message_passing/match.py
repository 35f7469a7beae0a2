"""Recognises ``Y[target[e]] += weight[e] * X[source[e]]`` by where its parts come from, and checks it on graphs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import onnx_ir as ir

from gatewright.compiler.passes.message_passing.structure import Structure
from gatewright.compiler.passes.rewriting import Array, array, operands

__all__ = ["Aggregation", "Factor", "match", "reader"]

_VIEWS = ("Expand", "Reshape", "Unsqueeze", "Squeeze", "Identity", "Slice")

_TOLERANCE = 1e-4
"""Of the largest result, by which float32 may be off that adds up in another order."""


@dataclass(frozen=True)
class Factor:
    """A part of the weights: one number for each edge, or for each node that is its target or its source."""

    value: ir.Value
    inverse: bool
    of: Literal["edge", "target", "source"]


@dataclass
class Aggregation:
    """A sparse matrix times features.

    Attributes
    ----------
    target, source : int64, any shape of as many elements as there are edges; ``source`` is None where edge e reads row
        e.
    factors : whose product is the weights.
    features : float [nodes, columns].
    rows : of the result, a number or the name of a dimension.
    result : the value that becomes the product.
    """

    target: ir.Value
    source: ir.Value | None
    features: ir.Value
    rows: int | str
    result: ir.Value
    factors: list[Factor] = field(default_factory=list)


def reader(value: ir.Value) -> ir.Node | None:
    """The one node that reads a value, besides those that ask for its shape."""
    nodes = [use.node for use in value.uses() if use.node.op_type != "Shape"]
    return nodes[0] if len(nodes) == 1 and not value.is_graph_output() else None


def match(node: ir.Node, structure: Structure) -> Aggregation | None:
    """The aggregation that a scatter with a sum ends; with what its rows are multiplied with before or after.

    Its meaning is computed anew from the parts on every probe, and has to be the same.
    """
    probes, result = structure.probes, node.outputs[0]
    data, index, updates = (probes.of(value) for value in node.inputs[:3])
    if not data or not index or not updates:
        return None
    if any(each.ndim != 2 or each.any() for each in data) or any(each.ndim != 2 for each in updates):
        return None
    wide = node.op_type == "ScatterElements"
    lists = [each[:, 0] if each.shape[1] else each.reshape(-1) for each in index]
    if any((each != first[:, None]).any() for each, first in zip(index, lists, strict=True)) or (
        not wide and any(each.shape[1] != 1 for each in index)
    ):
        return None
    target = _narrow(node.inputs[1], structure, lists)
    rows = probes.size([each.shape[0] for each in data])
    if target is None or rows is None:
        return None
    found = _trace(node.inputs[2], structure, Aggregation(target, None, result, rows, result))
    if found is None:
        return None
    _scaled_before(found, structure)
    _scaled_after(found, structure)
    return found if _is_right(found, structure) else None


def _narrow(value: ir.Value | None, structure: Structure, lists: list[Array]) -> ir.Value | None:
    """What follows from the graph alone and ``value`` repeats along its columns, with the elements of ``lists``."""
    if array(value) is not None:
        return ir.Value(name="repeated", const_value=ir.tensor(lists[0]))
    while value is not None:
        arrays = structure.probes.of(value)
        if arrays is None:
            return None
        same = all(each.size == len(one) for each, one in zip(arrays, lists, strict=True))
        if same and structure.holds(value):
            found = zip(arrays, lists, strict=True)
            return value if all(np.array_equal(each.reshape(-1), one) for each, one in found) else None
        node = value.producer()
        if node is None or node.domain or node.op_type not in _VIEWS:
            return None
        value = node.inputs[0]
    return None


def _trace(value: ir.Value | None, structure: Structure, found: Aggregation) -> Aggregation | None:
    """Follow the messages back to the rows that they are gathered from."""
    probes = structure.probes
    wanted = [each.shape for each in probes.of(value) or ()]
    while value is not None:
        node = value.producer()
        messages = probes.of(value)
        if not messages or [each.shape for each in messages] != wanted or structure.holds(value):
            return None
        if node is None or node.domain:
            break
        if node.op_type in ("Gather", "GatherND") and structure.holds(node.inputs[1]):
            return _gathered(node, structure, found)
        if node.op_type in ("Mul", "Div"):
            other = _factor(node, structure, found, "edge")
            if other is None:
                break
            value = other
        elif node.op_type in _VIEWS and [each.shape for each in probes.of(node.inputs[0]) or ()] == wanted:
            value = node.inputs[0]
        else:
            break
    assert value is not None
    found.features = value  # each edge brings a row of its own, as in a readout by the number of the graph
    return found


def _gathered(node: ir.Node, structure: Structure, found: Aggregation) -> Aggregation | None:
    table, index = structure.probes.of(node.inputs[0]), structure.probes.of(node.inputs[1])
    if not table or not index or node.inputs[0] is None or any(each.ndim != 2 for each in table):
        return None
    if node.op_type == "Gather" and node.attributes.get_int("axis", 0) in (1, -1):
        return None
    if node.op_type == "GatherND" and (
        node.attributes.get_int("batch_dims") or any(each.ndim != 2 or each.shape[1] != 1 for each in index)
    ):
        return None
    found.source, found.features = node.inputs[1], node.inputs[0]
    return found


def _factor(
    node: ir.Node, structure: Structure, found: Aggregation, of: Literal["edge", "target", "source"]
) -> ir.Value | None:
    """The other operand of a product with a number for each row, which joins the factors; None if it is none."""
    for value, factor in operands(node):
        inverse = node.op_type == "Div"
        if (inverse and factor is not node.inputs[1]) or not structure.holds(factor) or structure.holds(value):
            continue
        arrays, products = structure.probes.of(factor), structure.probes.of(node.outputs[0])
        operand = structure.probes.of(value)
        if not arrays or not products or not operand:
            continue
        if any(each.shape != product.shape or each.ndim != 2 for each, product in zip(operand, products, strict=True)):
            continue
        spread = [np.broadcast_to(each, product.shape) for each, product in zip(arrays, products, strict=True)]
        lists = [each[:, 0] if each.shape[1] else each[:, :0].reshape(-1) for each in spread]
        if any(
            not np.array_equal(each, np.broadcast_to(one[:, None], each.shape))
            for each, one in zip(spread, lists, strict=True)
        ):
            continue
        single = all(each.size == 1 for each in arrays)
        narrow = factor if single else _narrow(factor, structure, lists)
        if narrow is not None:
            found.factors.append(Factor(narrow, inverse, "edge" if single else of))
            return value
    return None


def _scaled_before(found: Aggregation, structure: Structure) -> None:
    """Rows that are multiplied before they are gathered are so by what belongs to the source."""
    while found.source is not None and (node := found.features.producer()) is not None:
        if node.domain or node.op_type not in ("Mul", "Div"):
            return
        value = _factor(node, structure, found, "source")
        if value is None:
            return
        found.features = value


def _scaled_after(found: Aggregation, structure: Structure) -> None:
    """Sums that are multiplied, or divided by how many they are of, are so by what belongs to the target."""
    while (node := reader(found.result)) is not None:
        if node.domain or node.op_type not in ("Mul", "Div"):
            return
        if _factor(node, structure, found, "target") is not found.result:
            return
        found.result = node.outputs[0]


def _is_right(found: Aggregation, structure: Structure) -> bool:
    probes = structure.probes
    values = [found.target, found.source, found.features, found.result, *(each.value for each in found.factors)]
    columns = [None if value is None else probes.of(value) for value in values]
    for run in range(len(probes.sizes)):
        target, source, features, result, *factors = [None if each is None else each[run] for each in columns]
        assert target is not None and features is not None and result is not None
        if features.ndim != 2 or result.ndim != 2:
            return False
        target = target.reshape(-1) % max(len(result), 1)
        source = np.arange(len(target)) if source is None else source.reshape(-1) % max(len(features), 1)
        if len(source) != len(target) or (len(source) and source.max() >= len(features)):
            return False
        weights = np.ones(len(target))
        with np.errstate(all="ignore"):
            for factor, numbers in zip(found.factors, factors, strict=True):
                assert numbers is not None
                flat = np.asarray(numbers, np.float64).reshape(-1)
                numbers = flat if factor.of == "edge" else flat[target if factor.of == "target" else source]
                weights = weights / numbers if factor.inverse else weights * numbers
            expected = np.zeros(result.shape)
            np.add.at(expected, target, weights[:, None] * features[source])
        bound = _TOLERANCE * max(float(np.abs(result).max(initial=0.0)), 1e-6)
        if not (np.abs(expected - result) <= bound).all():
            return False
    return bool(probes.sizes)
