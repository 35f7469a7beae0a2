"""Sizes that a file gives as numbers and means as "unknown"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain

import onnx

from gatewright.compiler.model_file.tensors import all_graphs

__all__ = ["name_unknown_sizes", "settle_shapes"]


def name_unknown_sizes(proto: onnx.ModelProto) -> None:
    """Sizes below 0 become dynamic; so do those of 0 where an input of the model has one in its first place. Those of
    inputs get a name, ``<input>_<axis>``.

    Exporters write -1 for what they do not know, and older ones 0. A 0 behind a first size that is known is an input
    without elements, as ONNX's own tests have it.
    """
    first = [value.type.tensor_type.shape.dim[:1] for value in proto.graph.input]
    least = 1 if any(size.HasField("dim_value") and size.dim_value == 0 for sizes in first for size in sizes) else 0
    graphs = (chain(graph.input, graph.output, graph.value_info) for graph in all_graphs(proto))
    for value in chain(*graphs, *(function.value_info for function in proto.functions)):
        _forget(value.type.tensor_type.shape.dim, least)
    for value in proto.graph.input:
        for axis, size in enumerate(value.type.tensor_type.shape.dim):
            if not size.HasField("dim_value") and not size.HasField("dim_param"):
                size.dim_param = f"{value.name}_{axis}"


def settle_shapes(proto: onnx.ModelProto, weightless: onnx.ModelProto) -> None:
    """Shapes that a file declares of results stay if they are what ONNX infers; if one is not, all are inferred anew.
    Sizes of outputs that are unknown become numbers, or names of inputs' sizes, where that is what ONNX infers.

    ``weightless`` is the same model, of which large initializers have no data.
    """
    try:
        inferred = onnx.shape_inference.infer_shapes(weightless, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError:
        for model in (proto, weightless):
            for graph in all_graphs(model):
                del graph.value_info[:]
            for value in model.graph.output:
                value.type.tensor_type.ClearField("shape")
        inferred = onnx.shape_inference.infer_shapes(weightless, data_prop=True)
    names = {size.dim_param for value in proto.graph.input for size in value.type.tensor_type.shape.dim}
    for value, other in zip(proto.graph.output, inferred.graph.output, strict=True):
        sizes = other.type.tensor_type.shape.dim
        if not value.type.tensor_type.HasField("shape") and other.type.tensor_type.HasField("shape"):
            value.type.tensor_type.shape.dim.extend(onnx.TensorShapeProto.Dimension() for _ in sizes)
        for size, known in zip(value.type.tensor_type.shape.dim, sizes, strict=False):
            is_open = not size.HasField("dim_value") and not size.dim_param
            if is_open and (known.HasField("dim_value") or known.dim_param in names - {""}):
                size.CopyFrom(known)


def _forget(sizes: Iterable[onnx.TensorShapeProto.Dimension], least: int) -> None:
    for size in sizes:
        if size.HasField("dim_value") and size.dim_value < least:
            size.ClearField("dim_value")
        elif size.HasField("dim_param") and _NO_NAME.fullmatch(size.dim_param):
            size.ClearField("dim_param")


_NO_NAME = re.compile(r"\s*(\?|None|-?\d+)?\s*")
"""What exporters write in place of a dimension's name when they have none."""
