"""Text inside a model: names are needed and must be text; notes are not, and may be anything."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import onnx

from gatewright.compiler.errors import CompileError
from gatewright.compiler.model_file.tensors import all_graphs

__all__ = ["keep_names_alone"]


def keep_names_alone(proto: onnx.ModelProto, label: str) -> None:
    """Drop notes of all kinds and what belongs to training, and give graphs without a name one.

    Raises `CompileError` for a name that is no UTF-8, which the parser hands out as bytes.
    """
    del proto.training_info[:], proto.metadata_props[:]
    proto.ClearField("doc_string")
    for part in _parts(proto):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
        for name in _names(part):
            if isinstance(name, bytes):
                raise CompileError(f"{label}: the name {name!r} is no UTF-8 text")
    proto.graph.name = proto.graph.name or "graph"


def _parts(proto: onnx.ModelProto) -> Iterator[Any]:
    """All messages that carry notes: graphs, functions, nodes, tensors and descriptions of values."""
    yield from proto.functions
    yield from chain.from_iterable(function.node for function in proto.functions)
    for graph in all_graphs(proto):
        yield graph
        yield from chain(graph.node, graph.initializer, graph.value_info, graph.input, graph.output)


def _names(part: Any) -> Iterator[str | bytes]:
    yield part.name
    if isinstance(part, onnx.NodeProto):
        yield from (part.op_type, part.domain, part.overload, *part.input, *part.output)
        yield from (attribute.name for attribute in part.attribute)
    elif isinstance(part, onnx.FunctionProto):
        yield from (part.domain, part.overload, *part.input, *part.output, *part.attribute)
