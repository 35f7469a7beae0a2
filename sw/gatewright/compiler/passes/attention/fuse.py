"""Attention in pieces becomes one operator."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.graph_access import maker_of, operand
from gatewright.compiler.passes.attention.mask import Change, Mask, key_mask, understand
from gatewright.compiler.passes.rewriting import Pass, array, consumer, emit, operands, replace, scalar, sizes
from gatewright.compiler.passes.views import view_source

__all__ = ["Attention", "AttentionPass", "FuseAttention"]

_STEPS = 10  # operators between the product of queries and keys and softmax, at most


@dataclass
class Attention:
    """``softmax(changes(q k)) v``: q [B, H, Sq, D], k [B, H, D, Skv], v [B, H, Skv, D], or the first two axes as one,
    or none.

    ``result`` is the product with v, [B, Sq, H * D] if ``joined``; ``changes`` are what happens to the scores on the
    way to softmax.
    """

    q: ir.Value
    k: ir.Value
    v: ir.Value
    result: ir.Value
    changes: list[Change] = field(default_factory=list)
    joined: bool = False


class AttentionPass(Pass):
    """Recognises attention (`find`) and puts ``gatewright.Attention`` in its place."""

    def find(self, node: ir.Node) -> Attention | None:
        raise NotImplementedError

    def rewrite(self, model: ir.Model) -> bool:
        self._meanings: dict[Any, Mask | None] = {}
        self._masks: dict[Mask, ir.Value | None] = {}
        changed = False
        for node in list(model.graph):
            attention = self.find(node) if node.graph is not None else None
            changed |= attention is not None and self._fuse(model, attention)
        return changed

    def _fuse(self, model: ir.Model, attention: Attention) -> bool:
        shapes = [sizes(value) for value in (attention.q, attention.k, attention.v)]
        if not all(shapes) or attention.result.dtype != ir.DataType.FLOAT:
            return False
        q, k, v = [shape for shape in shapes if shape]
        *lead, queries, depth = q
        keys = k[-1]
        if not 2 <= len(q) <= 4 or k != (*lead, depth, keys) or v != (*lead, keys, depth):
            return False
        heads = lead[-1] if len(q) == 4 else _heads(attention.q, lead[0], depth) if lead else 1
        batch = int(np.prod(lead)) // heads
        scale = float(np.prod([change.factor for change in attention.changes]))
        mask = self._meaning(model, attention.changes, (*lead, queries, keys), heads)
        if mask is None or not scale > 0:
            return False
        graph, node = model.graph, maker_of(attention.result)
        if mask not in self._masks:
            self._masks[mask] = key_mask(mask, graph, batch, keys)
        flags = self._masks[mask]
        q_value, q_scale = _without_scale(attention.q, graph)
        k_value, k_scale = _without_scale(attention.k, graph)
        operands = [
            _tokens(q_value, (batch, heads, queries, depth), (0, 2, 1, 3), graph),
            _tokens(k_value, (batch, heads, depth, keys), (0, 3, 1, 2), graph),
            _tokens(attention.v, (batch, heads, keys, depth), (0, 2, 1, 3), graph),
            *([flags] if flags is not None else []),
        ]
        attributes = {"heads": heads, "causal": int(mask.causal), "scale": scale * q_scale * k_scale}
        overload = "masked" if flags is not None else ""
        shape = [batch, queries, heads * depth]
        mixed = emit(
            "Attention", operands, node, graph, attributes=attributes, overload=overload, shape=shape, ours=True
        )
        mixed.metadata_props.update(attention.result.metadata_props)
        result = mixed if attention.joined else _heads_apart(mixed, (batch, queries, heads, depth), tuple(lead), graph)
        replace(attention.result, result, mixed.producer())
        return True

    def _meaning(self, model: ir.Model, changes: Sequence[Change], shape: tuple[int, ...], heads: int) -> Mask | None:
        masks = [change for change in changes if change.kind != "multiply"]
        key = (tuple((each.kind, id(each.operand), each.other) for each in masks), shape, heads)
        if key not in self._meanings:
            self._meanings[key] = understand(model, changes, shape, heads)
        return self._meanings[key]


class FuseAttention(AttentionPass):
    """Before: ``MatMul(Softmax(MatMul(q, k) * scale + mask), v)`` with the reshapes and transpositions around it.

    After: ``gatewright.Attention(q, k, v, mask)`` on [batch, tokens, heads * depth]. Scales on q, on k and on the
    scores are joined. The mask may be spelled in any way that depends on constants and one set of flags; what it means
    is tried.
    """

    def find(self, node: ir.Node) -> Attention | None:
        if node.domain or node.op_type != "Softmax" or node.outputs[0].shape is None:
            return None
        if node.attributes.get_int("axis", -1) not in (-1, len(node.outputs[0].shape) - 1):
            return None
        weights = _past_nan_guard(node.outputs[0])
        mix = consumer(weights, "MatMul")
        scores = _peel(node.inputs[0], _STEPS)
        if mix is None or mix.inputs[0] is not weights or scores is None:
            return None
        product, changes = scores
        q, k, v = product.inputs[0], product.inputs[1], mix.inputs[1]
        if q is None or k is None or v is None:
            return None
        return Attention(q, k, v, mix.outputs[0], changes)


def _past_nan_guard(weights: ir.Value) -> ir.Value:
    """``Where(IsNaN(w), 0, w)``: rows that attend to nothing give 0 instead of NaN."""
    readers = {use.node.op_type: use.node for use in weights.uses()}
    if set(readers) != {"IsNaN", "Where"} or len(weights.uses()) != 2 or weights.is_graph_output():
        return weights
    guard = readers["Where"]
    if guard.inputs[0] is readers["IsNaN"].outputs[0] and scalar(guard.inputs[1]) == 0.0 and guard.inputs[2] is weights:
        return guard.outputs[0]
    return weights


def _peel(value: ir.Value | None, steps: int) -> tuple[ir.Node, list[Change]] | None:
    """The product that ``value`` comes from, and what changes it on the way."""
    node = value.producer() if value is not None else None
    if node is None or node.domain or not steps:
        return None
    if node.op_type == "MatMul":
        constant = any(array(each) is not None for each in node.inputs)
        return None if constant else (node, [])
    for source, change in _steps(node):
        peeled = _peel(source, steps - 1)
        if peeled is not None:
            return peeled[0], [*peeled[1], change]
    return None


def _steps(node: ir.Node) -> Iterator[tuple[ir.Value, Change]]:
    """What ``node`` may do to scores, as (scores, change)."""
    if node.op_type == "Add":
        for source, mask in operands(node):
            yield source, Change("add", mask)
    elif node.op_type in ("Mul", "Div"):
        for source, constant in operands(node):
            factor = scalar(constant)
            if factor and (node.op_type == "Mul" or source is node.inputs[0]):
                yield source, Change("multiply", factor=factor if node.op_type == "Mul" else 1 / factor)
    elif node.op_type == "Where":
        condition, yes, no = node.inputs
        if condition is not None and yes is not None and (other := scalar(no)) is not None:
            yield yes, Change("keep", condition, other)
        if condition is not None and no is not None and (other := scalar(yes)) is not None:
            yield no, Change("drop", condition, other)


def _heads(value: ir.Value, lead: int, depth: int) -> int:
    """Heads of [batch * heads, tokens, depth]: from the width that it had before it was split."""
    node = value.producer()
    while node is not None and (source := _scaled_source(node) or view_source(node)) is not None:
        shape = sizes(source)
        if shape and shape[-1] > depth and shape[-1] % depth == 0 and lead % (shape[-1] // depth) == 0:
            return shape[-1] // depth
        node = source.producer()
    return 1


def _scaled_source(node: ir.Node) -> ir.Value | None:
    if node.domain == "" and node.op_type in ("Mul", "Div"):
        for source, constant in operands(node):
            if scalar(constant) and (node.op_type == "Mul" or source is node.inputs[0]):
                return source
    return None


def _without_scale(value: ir.Value, graph: ir.Graph) -> tuple[ir.Value, float]:
    """``value`` as it is before constant factors, with the views between them written again, and their product."""
    chain: list[ir.Value] = []
    scale, last, current = 1.0, 0, value
    while (node := current.producer()) is not None:
        source = _scaled_source(node)
        if source is not None:
            constant = next(factor for each in node.inputs if each is not source and (factor := scalar(each)))
            scale *= constant if node.op_type == "Mul" else 1 / constant
            last = len(chain) + 1
        else:
            source = view_source(node)
        if source is None:
            break
        chain.append(current)
        current = source
    if not last:
        return value, 1.0
    top = maker_of(chain[last - 1])
    rebuilt = _scaled_source(top) or operand(top, 0)
    for old in reversed(chain[: last - 1]):
        node = maker_of(old)
        if _scaled_source(node) is not None:
            continue
        copy = ir.node(node.op_type, [rebuilt, *node.inputs[1:]], node.attributes, num_outputs=len(node.outputs))
        graph.insert_after(node, copy)
        for new, before in zip(copy.outputs, node.outputs, strict=True):
            new.shape, new.type = before.shape, before.type
        rebuilt = copy.outputs[node.outputs.index(old)]
    return rebuilt, scale


def _tokens(value: ir.Value, shape: tuple[int, ...], perm: tuple[int, ...], graph: ir.Graph) -> ir.Value:
    """``value`` of ``shape`` with its axes in the order of ``perm``, and the last two of them joined."""
    if sizes(value) != shape:
        value = emit("Reshape", [value, _target(shape)], value.producer(), graph, shape=shape)
    turned = emit("Transpose", [value], value.producer(), graph, attributes={"perm": perm})
    order = [shape[axis] for axis in perm]
    turned.shape = ir.Shape(order)
    joined = [*order[:2], order[2] * order[3]]
    return emit("Reshape", [turned, _target(joined)], turned.producer(), graph, shape=joined)


def _heads_apart(value: ir.Value, shape: tuple[int, ...], lead: tuple[int, ...], graph: ir.Graph) -> ir.Value:
    """``value`` [B, S, H * D] of ``shape`` [B, S, H, D] as [*lead, S, D]."""
    value = emit("Reshape", [value, _target(shape)], value.producer(), graph, shape=shape)
    order = [shape[axis] for axis in (0, 2, 1, 3)]
    value = emit("Transpose", [value], value.producer(), graph, attributes={"perm": [0, 2, 1, 3]}, shape=order)
    target = [*lead, *order[2:]]
    return (
        value if len(target) == 4 else emit("Reshape", [value, _target(target)], value.producer(), graph, shape=target)
    )


def _target(shape: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.array(shape, np.int64)
