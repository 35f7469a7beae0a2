"""The tensors inside a model: where they are, and whether their data fit their dims and type."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import onnx
import onnx_ir as ir
from onnx import TensorProto

from gatewright.compiler.errors import CompileError

__all__ = ["all_graphs", "check_element_type", "check_tensors", "nbytes", "tensors"]

_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")
"""Where a tensor may keep its elements, besides ``raw_data``."""


def all_graphs(proto: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The model's graph and those that its nodes hold, functions included."""
    yield from _graphs(proto.graph)
    for function in proto.functions:
        yield from _inner_graphs(function.node)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    yield from _inner_graphs(graph.node)


def _inner_graphs(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.GraphProto]:
    for node in nodes:
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
                yield from _graphs(graph)


def tensors(proto: onnx.ModelProto) -> Iterator[tuple[str, TensorProto]]:
    """Every tensor, and what to call it. Raises `CompileError` for a sparse one, which ONNX Runtime alone reads."""
    nodes = [node for function in proto.functions for node in function.node]
    for graph in all_graphs(proto):
        nodes += graph.node
        for sparse in graph.sparse_initializer:
            raise CompileError(f"initializer {sparse.values.name} is sparse, allowed are dense ones")
        yield from ((f"initializer {tensor.name}", tensor) for tensor in graph.initializer)
    for node in nodes:
        for attribute in node.attribute:
            what = f"attribute {attribute.name} of node {node.name or node.op_type}"
            if attribute.HasField("sparse_tensor") or attribute.sparse_tensors:
                raise CompileError(f"{what} is sparse, allowed are dense tensors")
            if attribute.HasField("t"):
                yield what, attribute.t
            yield from ((what, tensor) for tensor in attribute.tensors)


def nbytes(tensor: TensorProto, what: str) -> int:
    """Bytes of the elements that dims and type announce. Raises `CompileError` for dims and types that ONNX lacks."""
    count, bits = _elements(tensor, what), ir.DataType(tensor.data_type).bitwidth
    return -(-count * bits // 8)


def check_element_type(value: onnx.ValueInfoProto, what: str) -> None:
    """Raises `CompileError` for a value that says it is a tensor, but not of what."""
    if value.type.HasField("tensor_type"):
        _check_type(value.type.tensor_type.elem_type, what)


def check_tensors(proto: onnx.ModelProto, label: str) -> None:
    """Raises `CompileError` naming a tensor whose dims or type do not fit its data."""
    try:
        for what, tensor in tensors(proto):
            _check(tensor, what)
    except CompileError as error:
        raise CompileError(f"{label}: {error}") from None


def _check_type(data_type: int, what: str) -> None:
    if data_type not in TensorProto.DataType.values() or data_type == TensorProto.UNDEFINED:
        raise CompileError(f"{what} has type {data_type}, which ONNX does not define")


def _elements(tensor: TensorProto, what: str) -> int:
    _check_type(tensor.data_type, what)
    if any(size < 0 for size in tensor.dims):
        raise CompileError(f"{what} has dims {list(tensor.dims)}, allowed are 0 and more")
    return math.prod(tensor.dims)


def _check(tensor: TensorProto, what: str) -> None:
    count, kind = _elements(tensor, what), TensorProto.DataType.Name(tensor.data_type).lower()
    if tensor.HasField("segment"):
        raise CompileError(f"{what} is cut into segments, allowed is a whole tensor")
    wanted = onnx.helper.tensor_dtype_to_field(tensor.data_type)
    other = [field for field in _FIELDS if field != wanted and getattr(tensor, field)]
    entries = len(getattr(tensor, wanted))
    announced = f"{what} has dims {list(tensor.dims)} of type {kind}"
    if other or (entries and tensor.raw_data) or (tensor.raw_data and tensor.data_type == TensorProto.STRING):
        fields = [*other, *([wanted] if entries else []), *(["raw_data"] if tensor.raw_data else [])]
        raise CompileError(f"{announced}, but its data are in {' and '.join(fields)}")
    if tensor.data_type == TensorProto.STRING:
        needed, there, unit = count, entries, "strings"
    elif entries:
        needed, there, unit = _entries(tensor, count), entries, "numbers"
    else:
        needed, there, unit = nbytes(tensor, what), len(tensor.raw_data), "bytes"
    if needed != there:
        raise CompileError(f"{announced}, which are {needed:,} {unit}, but holds {there:,}")


def _entries(tensor: TensorProto, count: int) -> int:
    """Numbers of a typed field for ``count`` elements: two for a complex one; those of less than a byte share one."""
    if tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128):
        return 2 * count
    return -(-count * min(ir.DataType(tensor.data_type).bitwidth, 8) // 8)
