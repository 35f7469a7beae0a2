"""Cuts the nodes of a host step out of a model, as a model of their own that ONNX Runtime can run."""

from __future__ import annotations

import onnx
import onnx_ir as ir

from gatewright.compiler.partition import Part

__all__ = ["extract"]


def extract(model: ir.Model, part: Part) -> bytes:
    """The serialised model of a part: its nodes, the constants that they read, and the functions that they call."""
    proto = ir.to_proto(model)
    nodes = {node.name for node in part.nodes}
    kept = [node for node in proto.graph.node if node.name in nodes]
    read = {name for node in kept for name in node.input}
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
