"""The attention operators of ONNX and of onnxruntime become ours."""

import math
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from gatewright.compiler.graph_access import graph_of
from gatewright.compiler.passes.attention.fuse import Attention, AttentionPass
from gatewright.compiler.passes.attention.mask import Change
from gatewright.compiler.passes.rewriting import Array, array, emit, sizes

__all__ = ["ConvertAttention"]

_Values = tuple[ir.Value, ir.Value, ir.Value]


class ConvertAttention(AttentionPass):
    """Before: ``Attention`` (operator set 23 on), ``com.microsoft.MultiHeadAttention``, ``com.microsoft.Attention``.

    After: ``gatewright.Attention``, where there is no cache of earlier keys, no soft cap, and a mask that it can say.
    Heads of keys and values that several heads of queries share are written out.
    """

    def find(self, node: ir.Node) -> Attention | None:
        if any(value.uses() or value.is_graph_output() for value in node.outputs[1:]):
            return None
        match node.domain, node.op_type:
            case "", "Attention":
                return _standard(node)
            case "com.microsoft", "MultiHeadAttention":
                return _multi_head(node)
            case "com.microsoft", "Attention":
                return _packed(node)
        return None


def _input(node: ir.Node, index: int) -> ir.Value | None:
    return node.inputs[index] if index < len(node.inputs) else None


def _standard(node: ir.Node) -> Attention | None:
    q, k, v = node.inputs[:3]
    attributes = node.attributes
    if q is None or k is None or v is None or any(_input(node, index) is not None for index in (4, 5, 6)):
        return None
    if attributes.get_float("softcap", 0.0) or attributes.get_int("qk_matmul_output_mode", 0):
        return None
    rank = len(q.shape or ())
    if rank == 3:
        q_heads, kv_heads = attributes.get_int("q_num_heads", 0), attributes.get_int("kv_num_heads", 0)
        q, k, v = _split(q, q_heads, node), _split(k, kv_heads, node), _split(v, kv_heads, node)
    if q is None or k is None or v is None:
        return None
    shape = sizes(q)
    k, v = _share(k, shape, node), _share(v, shape, node)
    mask, changes = _input(node, 3), []
    if mask is not None:
        changes.append(Change("keep", mask, -math.inf) if mask.dtype == ir.DataType.BOOL else Change("add", mask))
    return _attention(node, (q, k, v), attributes.get_int("is_causal", 0) == 1, changes, joined=rank == 3)


def _multi_head(node: ir.Node) -> Attention | None:
    q, k, v = node.inputs[:3]
    if q is None or k is None or v is None or any(value is not None for value in node.inputs[6:]):
        return None
    bias = _input(node, 3)
    if bias is not None:
        parts = _parts(bias, (q, k, v))
        if parts is None:
            return None
        q, k, v = [_plus(value, part, node) for value, part in zip((q, k, v), parts, strict=True)]
    return _contrib(node, (q, k, v), _input(node, 4), _input(node, 5))


def _packed(node: ir.Node) -> Attention | None:
    x, weight, bias = (_input(node, index) for index in range(3))
    if any(value is not None for value in (_input(node, 4), *node.inputs[6:])):
        return None
    data, shape, graph = array(weight), sizes(x) if x is not None else None, node.graph
    added = array(bias) if bias is not None else None
    if data is None or shape is None or graph is None or data.shape[1] % 3 or (bias is not None and added is None):
        return None
    widths = node.attributes.get_ints("qkv_hidden_sizes", ())
    if node.attributes.get_int("do_rotary", 0) or len(set(widths)) > 1:
        return None
    parts = []
    for index, piece in enumerate(np.split(data, 3, axis=1)):
        result = emit("MatMul", [x, np.ascontiguousarray(piece)], x.producer() if x is not None else None, graph)
        result.shape = ir.Shape([*shape[:2], piece.shape[1]])
        parts.append(_plus(result, np.split(added, 3)[index], node) if added is not None else result)
    return _contrib(node, (parts[0], parts[1], parts[2]), _input(node, 3), _input(node, 5))


def _contrib(node: ir.Node, values: _Values, padding: ir.Value | None, bias: ir.Value | None) -> Attention | None:
    """What both operators of onnxruntime share: heads, scale, a mask of keys (`_flags`), and one that is added."""
    heads = node.attributes.get_int("num_heads", 0)
    keys = sizes(values[1])
    changes = [Change("add", bias)] if bias is not None else []
    if padding is not None:
        flags = _flags(padding, keys[:2], node) if keys is not None else None
        if keys is None or flags is None:
            return None
        wide = [keys[0], 1, 1, keys[1]]
        target, kind = np.array(wide, np.int64), ir.DataType.BOOL
        shaped = emit("Reshape", [flags, target], flags.producer(), graph_of(node), shape=wide, dtype=kind)
        changes.append(Change("keep", shaped, -math.inf))
    q, k, v = [_split(value, heads, node) for value in values]
    if q is None or k is None or v is None:
        return None
    return _attention(node, (q, k, v), node.attributes.get_int("unidirectional", 0) == 1, changes, joined=True)


def _flags(padding: ir.Value, shape: tuple[int, ...], node: ir.Node) -> ir.Value | None:
    """Which of [batch, keys] count: where ``padding`` is not 0, or those before the length that it gives each row."""
    graph, kind = graph_of(node), ir.DataType.BOOL
    if sizes(padding) == shape:
        attributes = {"to": int(kind)}
        return emit("Cast", [padding], padding.producer(), graph, attributes=attributes, shape=shape, dtype=kind)
    if sizes(padding) != shape[:1] or padding.dtype is None:
        return None
    after, column = padding.producer(), [shape[0], 1]
    lengths = emit("Reshape", [padding, np.array(column, np.int64)], after, graph, shape=column, dtype=padding.dtype)
    places = np.arange(shape[1], dtype=padding.dtype.numpy())[None]
    return emit("Less", [places, lengths], lengths.producer(), graph, shape=shape, dtype=kind)


def _attention(
    node: ir.Node, values: _Values, causal: bool, changes: Sequence[Change], *, joined: bool
) -> Attention | None:
    """Put together the pieces; queries, keys and values are [B, H, S, D]."""
    q, k, v = values
    q_shape, k_shape, graph = sizes(q), sizes(k), node.graph
    if q_shape is None or k_shape is None or graph is None or not len(q_shape) == len(k_shape) == 4:
        return None
    scale = node.attributes.get_float("scale", 0.0) or 1 / math.sqrt(q_shape[3])
    steps = [Change("multiply", factor=scale), *changes]
    if causal:
        steps.append(Change("add", np.where(np.tri(q_shape[2], k_shape[2], dtype=bool), 0.0, -np.inf)))
    order = [k_shape[axis] for axis in (0, 1, 3, 2)]
    turned = emit("Transpose", [k], k.producer(), graph, attributes={"perm": [0, 1, 3, 2]}, shape=order)
    return Attention(q, turned, v, node.outputs[0], steps, joined)


def _split(value: ir.Value, heads: int | None, node: ir.Node) -> ir.Value | None:
    """[B, S, H * D] as [B, H, S, D]."""
    shape = sizes(value)
    if shape is None or len(shape) != 3 or not heads or shape[2] % heads or node.graph is None:
        return None
    split = [shape[0], shape[1], heads, shape[2] // heads]
    wide = emit("Reshape", [value, np.array(split, np.int64)], value.producer(), node.graph, shape=split)
    order = [split[axis] for axis in (0, 2, 1, 3)]
    return emit("Transpose", [wide], wide.producer(), node.graph, attributes={"perm": [0, 2, 1, 3]}, shape=order)


def _share(value: ir.Value, queries: tuple[int, ...] | None, node: ir.Node) -> ir.Value:
    """Repeat the heads of keys or values [B, H, S, D] for groups of heads of queries."""
    shape = sizes(value)
    if shape is None or queries is None or len(shape) != 4 or shape[1] == queries[1] or queries[1] % shape[1]:
        return value
    single = [*shape[:2], 1, *shape[2:]]
    repeated = [*shape[:2], queries[1] // shape[1], *shape[2:]]
    joined = [shape[0], queries[1], *shape[2:]]
    graph = graph_of(node)
    for op_type, target in (("Reshape", single), ("Expand", repeated), ("Reshape", joined)):
        value = emit(op_type, [value, np.array(target, np.int64)], value.producer(), graph, shape=target)
    return value


def _parts(bias: ir.Value, values: tuple[ir.Value, ...]) -> list[Array] | None:
    data = array(bias)
    widths = [shape[-1] for value in values if (shape := sizes(value)) is not None]
    if data is None or len(widths) != 3 or data.shape != (sum(widths),):
        return None
    return np.split(data, np.cumsum(widths)[:-1])


def _plus(value: ir.Value, part: Array, node: ir.Node) -> ir.Value:
    return emit("Add", [value, np.ascontiguousarray(part)], value.producer(), graph_of(node), shape=value.shape)
