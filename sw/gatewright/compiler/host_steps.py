"""Cuts the nodes of a host step out of a model, as a model of their own that ONNX Runtime can run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import onnx
import onnx_ir as ir

from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.partition import Part, reads

__all__ = ["cost", "extract"]


def extract(model: ir.Model, part: Part) -> bytes:
    """The serialised model of a part: its nodes, the constants that they read, and the functions that they call."""
    proto = ir.to_proto(model)
    nodes = {node.name for node in part.nodes}
    kept = [node for node in proto.graph.node if node.name in nodes]
    read = {value.name for node in part.nodes for value in reads(node)}
    values = {each.name: each for each in (*proto.graph.input, *proto.graph.value_info, *proto.graph.output)}
    graph = onnx.helper.make_graph(
        kept,
        "host",
        [values[value.name or ""] for value in part.inputs],
        [values[value.name or ""] for value in part.outputs],
        [tensor for tensor in proto.graph.initializer if tensor.name in read],
    )
    cut = onnx.helper.make_model(graph, opset_imports=proto.opset_import, functions=proto.functions)
    cut.ir_version = proto.ir_version
    data: bytes = cut.SerializeToString()
    return data


def cost(parts: Sequence[Part], index: int, capacity: Mapping[str, int]) -> str:
    """What it costs that part ``index`` runs on the host: bytes that cross because of it, and another doorbell."""
    part = parts[index]
    others = [other for other in parts if other.on_fabric]
    made = {value for other in others for value in other.outputs}
    needed = {value for other in others for value in other.inputs}
    crossing = [value for value in part.inputs if value in made] + [value for value in part.outputs if value in needed]
    nbytes = sum(_nbytes(value, capacity) for value in crossing)
    text = f"{len(crossing)} value{'s' if len(crossing) != 1 else ''} of {nbytes:,} bytes cross between host and fabric"
    between = any(other.on_fabric for other in parts[:index]) and any(other.on_fabric for other in parts[index:])
    return f"{text}, and the fabric is rung once more" if between else text


def _nbytes(value: ir.Value, capacity: Mapping[str, int]) -> int:
    if value.shape is None or value.dtype is None:
        return 0
    sizes = (capacity.get(size, 0) if isinstance(size, str) else size for size in dims(value.shape))
    return math.prod(sizes) * value.dtype.numpy().itemsize
