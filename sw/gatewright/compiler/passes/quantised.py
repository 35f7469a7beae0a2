"""Import of models that other tools quantised: pairs of QuantizeLinear and DequantizeLinear become ranges."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.graph_access import operand
from gatewright.compiler.passes.probe import evaluator
from gatewright.compiler.passes.rewriting import Pass, array, bypass, emit, initializer, producer, replace, scalar

__all__ = ["QUANTISED", "RANGE", "ImportQuantised"]

QUANTISED = "gatewright.quantised"
"""Key of `ir.Value.meta`: (integers around 0, scales, axis of the scales or None) of a constant that came quantised."""
RANGE = "gatewright.range"
"""Key of `ir.Value.metadata_props`: "low,high", the range that a value was calibrated to."""

_NOT_NEGATIVE = ("Relu", "Sigmoid", "Softmax", "Abs", "Exp", "Sqrt", "HardSigmoid", "ReduceL2", "Softplus")


class ImportQuantised(Pass):
    """Before: ``DequantizeLinear(QuantizeLinear(x))`` on activations, ``DequantizeLinear`` of integer weights.

    After: x itself, with its range as `RANGE`; float weights, with the integers as `QUANTISED` where they are
    symmetric int8. Where the range starts at 0, quantising also was the Relu of values that may be negative: it
    becomes a node. Inputs that come as integers and outputs that leave as integers keep their node. Rows that are
    gathered from a constant table and then dequantised are gathered from the float table.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in list(model.graph):
            if node.graph is None or node.domain:
                continue
            if node.op_type == "QuantizeLinear":
                changed |= _import_range(model.graph, node)
            elif node.op_type == "DequantizeLinear":
                changed |= _import_constant(model, node) or _import_rows(model, node)
            elif node.op_type == "Transpose":
                changed |= _transpose(model.graph, node)
        return changed


def _import_range(graph: ir.Graph, node: ir.Node) -> bool:
    value, limits = node.inputs[0], _limits(node)
    if value is None or array(value) is not None or limits is None:
        return False
    pairs = [use.node for use in node.outputs[0].uses() if _restores(use.node, node)]
    if not pairs:
        return False
    low, high = limits
    if low == 0 and not _is_positive(value):
        value = emit("Relu", [value], value.producer(), graph, shape=value.shape)
    value.metadata_props[RANGE] = f"{low!r},{high!r}"
    return any([bypass(pair, value) for pair in pairs])


def _limits(node: ir.Node) -> tuple[float, float] | None:
    """Lowest and highest value that a QuantizeLinear with one scale lets through."""
    scale, kind = scalar(node.inputs[1]), node.outputs[0].dtype
    zero = node.inputs[2] if len(node.inputs) > 2 else None
    offset = scalar(zero) if zero is not None else 0.0
    if scale is None or offset is None:
        return None
    kind = kind or (zero.dtype if zero is not None else ir.DataType.UINT8)
    if kind is None or not kind.is_integer():
        return None
    bounds = np.iinfo(kind.numpy()) if kind.bitwidth >= 8 else None
    lowest, highest = (bounds.min, bounds.max) if bounds else _small(kind)
    return (lowest - offset) * scale, (highest - offset) * scale


def _small(kind: ir.DataType) -> tuple[int, int]:
    return (
        (-(1 << kind.bitwidth - 1), (1 << kind.bitwidth - 1) - 1) if kind.is_signed() else (0, (1 << kind.bitwidth) - 1)
    )


def _restores(node: ir.Node, quantise: ir.Node) -> bool:
    """Whether ``node`` dequantises with the same numbers that ``quantise`` has."""
    if node.domain or node.op_type != "DequantizeLinear" or node.inputs[0] is not quantise.outputs[0]:
        return False
    pairs = zip(_parameters(node), _parameters(quantise), strict=True)
    return all(mine is not None and mine == other for mine, other in pairs)


def _parameters(node: ir.Node) -> Iterator[float | None]:
    yield scalar(node.inputs[1])
    yield scalar(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] is not None else 0.0


def _is_positive(value: ir.Value) -> bool:
    if clip := producer(value, "Clip"):
        low = scalar(clip.inputs[1]) if len(clip.inputs) > 1 else None
        return low is not None and low >= 0
    view = producer(value, "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "MaxPool", "AveragePool")
    if view is not None and view.inputs[0] is not None:
        return _is_positive(view.inputs[0])
    return producer(value, *_NOT_NEGATIVE) is not None


def _import_constant(model: ir.Model, node: ir.Node) -> bool:
    source = node.inputs[0]
    quantise = producer(source, "QuantizeLinear")
    constant = array(quantise.inputs[0]) if quantise is not None else array(source)
    output = node.outputs[0]
    if source is None or constant is None or output.is_graph_output():
        return False
    wanted = [output] if quantise is None else [output, source]
    data, *quantised = evaluator(model, wanted)()
    integers = quantised[0] if quantised else constant
    if data.dtype != np.float32:
        return False
    new = initializer(model.graph, data, source.name or "weight")
    if (meaning := _symmetric(node, integers)) is not None:
        new.meta[QUANTISED] = meaning
    ir.convenience.replace_all_uses_with(output, new)
    return True


def _import_rows(model: ir.Model, node: ir.Node) -> bool:
    """``DequantizeLinear(Gather(table, rows))`` becomes ``Gather(table as float, rows)``."""
    gather, scale = producer(node.inputs[0], "Gather"), array(node.inputs[1])
    if gather is None or scale is None or scale.size != 1 or array(gather.inputs[0]) is None:
        return False
    table = operand(gather, 0)
    real = emit("DequantizeLinear", [table, *node.inputs[1:]], None, model.graph, shape=table.shape)
    rows = emit("Gather", [real, gather.inputs[1]], node, model.graph, attributes=gather.attributes)
    replace(node.outputs[0], rows)
    dequantise = real.producer()
    return dequantise is not None and _import_constant(model, dequantise)


def _symmetric(
    node: ir.Node, integers: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[Any], int | None] | None:
    """The integers around 0 with their scales, or None if they are not of 8 bits or lie around another number."""
    scale = array(node.inputs[1])
    zero = array(node.inputs[2]) if len(node.inputs) > 2 else None
    if scale is None or integers.dtype not in (np.int8, np.uint8):
        return None
    if node.attributes.get_int("block_size", 0) != 0 or scale.ndim > 1:
        return None  # a scale for each block
    middle = 0 if integers.dtype == np.int8 else 128
    if (zero is None and middle) or (zero is not None and (zero != middle).any()):
        return None
    axis = (node.attributes.get_int("axis", 1) or 0) % integers.ndim if scale.size > 1 else None
    return (integers.astype(np.int16) - middle).astype(np.int8), scale.astype(np.float32), axis


def _transpose(graph: ir.Graph, node: ir.Node) -> bool:
    """Transpose of a constant that came quantised: both forms of it."""
    source, data = node.inputs[0], array(node.inputs[0])
    if source is None or data is None or QUANTISED not in source.meta or node.outputs[0].is_graph_output():
        return False
    perm = [int(axis) for axis in node.attributes.get_ints("perm", range(data.ndim)[::-1])]
    integers, scale, axis = source.meta[QUANTISED]
    new = initializer(graph, np.ascontiguousarray(data.transpose(perm)), source.name or "weight")
    new.meta[QUANTISED] = integers.transpose(perm), scale, None if axis is None else perm.index(axis)
    ir.convenience.replace_all_uses_with(node.outputs[0], new)
    return True
