"""Read an ONNX model and refuse what no later step could explain: damage, missing weights, numbers that are none."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx_ir.passes import common

from gatewright.compiler.errors import CompileError
from gatewright.compiler.operators import DOMAIN, OPERATORS

__all__ = ["MAX_OPSET", "MIN_OPSET", "read_model"]

MIN_OPSET = 13  # from here on Softmax, ReduceSum, Squeeze and Unsqueeze have their present meaning
MAX_OPSET = onnx.defs.onnx_opset_version()
_STANDARD = ("", "ai.onnx")


def read_model(source: str | Path | bytes | onnx.ModelProto) -> ir.Model:
    """The model of a file, of the bytes of a file, or of a parsed model (which stays as it is).

    Every node and every value has a unique name afterwards, every dynamic dimension a name (``<input>_<axis>`` if it
    had none), and every constant is an initializer.

    Raises `CompileError` for a file that is missing, damaged or truncated, a model that `onnx.checker` refuses, an
    operator set outside 13 to the newest of `onnx`, external data that is missing, weights that are not finite, and a
    node that neither the standard, nor ``gatewright``, nor onnxruntime defines.
    """
    proto, label, folder = _parse(source)
    _check_opset(proto, label)
    _check_external_data(proto, label, folder)
    try:
        onnx.checker.check_model(str(source) if isinstance(source, str | Path) else proto)
    except (onnx.checker.ValidationError, ValueError) as error:
        node = _BAD_NODE.search(str(error))
        where = f", node {node[1]}" if node else ""
        raise CompileError(f"{label}{where} is no valid ONNX model: {_first_line(error)}") from None
    try:
        model = ir.serde.deserialize_model(proto)
        if folder is not None:
            ir.external_data.set_base_dir(model.graph, folder)
            ir.external_data.load_to_model(model)
    except (TypeError, ValueError, OSError) as error:
        raise CompileError(f"{label} cannot be read: {_first_line(error)}") from None
    _prepare(model)
    _check_operators(model, label)
    _check_finite(model, label)
    return model


def _parse(source: str | Path | bytes | onnx.ModelProto) -> tuple[onnx.ModelProto, str, Path | None]:
    """The parsed model, what to call it in errors, and the folder of its external data."""
    if isinstance(source, onnx.ModelProto):
        return source, "the model", None
    label, folder = "the model", None
    if not isinstance(source, bytes):
        path = Path(source)
        label, folder = str(source), path.parent
        if not path.is_file():
            raise CompileError(f"{label}: no such file, allowed is an ONNX file")
        source = path.read_bytes()
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(source)
    except DecodeError:
        raise CompileError(f"{label} is no ONNX model: not a protobuf, or truncated") from None
    if not proto.HasField("graph") or not proto.graph.output:
        raise CompileError(f"{label} is no ONNX model: it has no graph with outputs")
    return proto, label, folder


def _check_opset(proto: onnx.ModelProto, label: str) -> None:
    versions = [entry.version for entry in proto.opset_import if entry.domain in _STANDARD]
    found = versions[0] if versions else 0
    if not MIN_OPSET <= found <= MAX_OPSET:
        raise CompileError(f"{label} has operator set {found}, allowed are {MIN_OPSET} to {MAX_OPSET}")


def _check_external_data(proto: onnx.ModelProto, label: str, folder: Path | None) -> None:
    for tensor in onnx.external_data_helper._get_all_tensors(proto):
        if not onnx.external_data_helper.uses_external_data(tensor):
            continue
        entries = {entry.key: entry.value for entry in tensor.external_data}
        location = entries.get("location", "")
        if folder is None:
            raise CompileError(
                f"tensor {tensor.name} lies in the external file {location!r}: allowed with a path to the "
                "model, or load it with onnx.load first"
            )
        path = folder / location
        end = int(entries.get("offset", 0)) + int(entries.get("length", 0))
        if not path.is_file():
            raise CompileError(f"{label}: the external data of tensor {tensor.name} is missing, expected in {path}")
        if path.stat().st_size < end:
            raise CompileError(
                f"{label}: the external data of tensor {tensor.name} is cut off, {path} has {path.stat().st_size} of "
                f"at least {end} bytes"
            )


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
    for value in model.graph.inputs:
        if value.shape is None:
            raise CompileError(f"input {value.name} has no shape, allowed are inputs of known rank")
        value.shape = ir.Shape(
            [
                f"{value.name}_{axis}" if isinstance(size, ir.SymbolicDim) and size.value is None else size
                for axis, size in enumerate(value.shape)
            ]
        )


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
    domain = "" if domain in _STANDARD else domain
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


def _first_line(error: Exception) -> str:
    return next((line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()), type(error).__name__)
