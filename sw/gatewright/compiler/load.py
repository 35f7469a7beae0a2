"""Read an ONNX model and refuse what no later step could explain: damage, missing weights, numbers that are none."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from gatewright.compiler.errors import CompileError
from gatewright.compiler.graph_access import is_tensor
from gatewright.compiler.model_file.external_data import read_external_data
from gatewright.compiler.model_file.opset import STANDARD, operator_set, upgraded
from gatewright.compiler.model_file.sizes import name_unknown_sizes, settle_shapes
from gatewright.compiler.model_file.source import parse
from gatewright.compiler.model_file.tensors import all_graphs, check_element_type, check_tensors
from gatewright.compiler.model_file.text import keep_names_alone
from gatewright.compiler.operators import DOMAIN, OPERATORS
from gatewright.program.errors import first_line

__all__ = ["read_model"]


def read_model(source: str | Path | bytes | onnx.ModelProto) -> ir.Model:
    """The model of a file, of the bytes of a file, or of a parsed model (which stays as it is).

    Every node and every value has a unique name afterwards, every dynamic dimension a name (``<input>_<axis>`` if it
    had none), and every constant is an initializer. The operator set is 13 or newer. What belongs to training is gone.

    Raises `CompileError` for a file that is missing, damaged or truncated, external data that are missing or too short,
    a tensor whose data do not fit its dims and type, a model that `onnx.checker` refuses, an operator set that cannot
    be brought to 13 or is newer than `onnx`, weights that are not finite, and a node that neither the standard, nor
    ``gatewright``, nor onnxruntime defines.
    """
    file = parse(source)
    proto, label = file.proto, file.label
    try:
        keep_names_alone(proto, label)
        read_external_data(file)
        check_tensors(proto, label)
        name_unknown_sizes(proto)
        operator_set(proto, label)
        _check(proto, label)
        proto = upgraded(proto, label)
        model = ir.serde.deserialize_model(proto)
        _prepare(model)
    except CompileError:
        raise
    except Exception as error:  # what onnx, onnx_ir and protobuf raise has no common base
        raise CompileError(f"{label} cannot be read: {first_line(_root(error))}") from error
    _check_operators(model, label)
    _check_finite(model, label)
    return model


def _root(error: BaseException) -> BaseException:
    """What an exception comes from: onnx_ir's say at which level of the model they passed, the first says why."""
    return error if error.__cause__ is None else _root(error.__cause__)


def _check(proto: onnx.ModelProto, label: str) -> None:
    """What `onnx.checker` says of the model without its weights, which need not fit into one message."""
    for kind, values in (("input", proto.graph.input), ("output", proto.graph.output)):
        twice = next((name for name, count in Counter(value.name for value in values).items() if count > 1), None)
        if twice is not None:
            raise CompileError(f"{label} has two {kind}s {twice!r}, allowed are different names")
        for value in values:
            check_element_type(value, f"{label}: {kind} {value.name}")
    weightless = onnx.ModelProto()
    weightless.CopyFrom(proto)
    large = [each for graph in all_graphs(weightless) for each in graph.initializer if len(each.raw_data) > _LARGE]
    dims = [list(tensor.dims) for tensor in large]
    for tensor in large:
        tensor.ClearField("raw_data")
        tensor.dims[:] = [0]
    try:
        onnx.checker.check_model(weightless)
    except (onnx.checker.ValidationError, ValueError) as error:
        node = _BAD_NODE.search(str(error))
        where = f", node {node[1]}" if node else ""
        raise CompileError(f"{label}{where} is no valid ONNX model: {first_line(error)}") from None
    for tensor, sizes in zip(large, dims, strict=True):
        tensor.dims[:] = sizes
    settle_shapes(proto, weightless)


_LARGE = 1 << 12
"""Bytes beyond which an initializer is no shape, axis or the like, and says nothing about the graph."""


def _prepare(model: ir.Model) -> None:
    """Names for what has none, and one place for constants."""
    if "ai.onnx" in model.opset_imports:
        model.opset_imports[""] = model.opset_imports.pop("ai.onnx")
    for common_pass in (
        common.RemoveInitializersFromInputsPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.NameFixPass(),
    ):
        common_pass(model)
    for kind, values in (("input", model.graph.inputs), ("output", model.graph.outputs)):
        for value in values:
            if kind == "input" and value.shape is None:
                raise CompileError(f"input {value.name} has no shape, allowed are inputs of known rank")
            if value.type is not None and not is_tensor(value):
                raise CompileError(f"{kind} {value.name} is a {type(value.type).__name__}, allowed are tensors")
            if value.dtype is ir.DataType.STRING:
                raise CompileError(f"{kind} {value.name} is of strings, allowed are numbers and truth values")


def _check_operators(model: ir.Model, label: str) -> None:
    for graph in model.graphs():
        for node in graph:
            if node.op_identifier() in model.functions or (node.domain == DOMAIN and node.op_type in OPERATORS):
                continue
            if not _runs(node.domain, node.op_type, model.opset_imports[""]):
                domain = node.domain or "ai.onnx"
                raise CompileError(
                    f"{label}: node {node.name} is a {domain}.{node.op_type}, which neither gatewright nor "
                    "onnxruntime has"
                )


@cache
def _kernels() -> frozenset[tuple[str, str]]:
    """Domain and name of every operator that onnxruntime has code for on the host, and Constant, which needs none."""
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    return frozenset({("", "Constant"), *((each.domain, each.op_name) for each in runtime.get_all_opkernel_def())})


def _runs(domain: str, op_type: str, opset: int) -> bool:
    """Whether onnxruntime executes the operator: with code of its own, or by the body in ONNX's definition."""
    domain = "" if domain in STANDARD else domain
    if (domain, op_type) in _kernels():
        return True
    try:
        schema: Any = onnx.defs.get_schema(op_type, opset, domain)
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _check_finite(model: ir.Model, label: str) -> None:
    for graph in model.graphs():
        for name, value in graph.initializers.items():
            if value.const_value is None or not value.dtype or not value.dtype.is_floating_point():
                continue
            array = value.const_value.numpy().astype(np.float32, copy=False)
            if np.isfinite(array).all():
                continue
            not_a_number = bool(np.isnan(array).any())
            if not not_a_number and not array[np.isfinite(array)].any():
                continue  # a mask of 0 and -inf, or one infinity as a bound
            reader = next((use.node.name for use in value.uses()), "no node")
            wrong = "NaN" if not_a_number else "infinite values"
            raise CompileError(
                f"{label}: initializer {name}, read by node {reader}, holds {wrong}, allowed are finite ones"
            )


_BAD_NODE = re.compile(r"Bad node spec for node\. Name: (\S+)")
"""How the checker names the node that it refuses."""
