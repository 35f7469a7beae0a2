"""Old operator sets, brought to one that the passes understand by onnx's own converter."""

from __future__ import annotations

import onnx

from gatewright.compiler.errors import CompileError
from gatewright.compiler.model_file.tensors import all_graphs
from gatewright.program.errors import first_line

__all__ = ["MAX_OPSET", "MIN_OPSET", "STANDARD", "operator_set", "upgraded"]

MIN_OPSET = 13  # from here on Softmax, ReduceSum, Squeeze and Unsqueeze have their present meaning
MAX_OPSET = onnx.defs.onnx_opset_version()
STANDARD = ("", "ai.onnx")
"""Both names of the standard domain."""


def operator_set(proto: onnx.ModelProto, label: str) -> int:
    """The standard operator set of a model.

    Raises `CompileError` for a model that names none, or two, and for one that is newer than `onnx` knows.
    """
    versions = sorted({entry.version for entry in proto.opset_import if entry.domain in STANDARD})
    if len(versions) != 1:
        named = " and ".join(map(str, versions)) or "none"
        raise CompileError(
            f"{label} imports {named} of the standard operator sets (opset_import), allowed is one of {MIN_OPSET} to "
            f"{MAX_OPSET}"
        )
    owners = [(label, proto.opset_import), *((_function(each, label), each.opset_import) for each in proto.functions)]
    for owner, entries in owners:
        for entry in entries:
            if entry.domain in STANDARD and not 1 <= entry.version <= MAX_OPSET:
                raise CompileError(
                    f"{owner} has operator set {entry.version}, allowed are {MIN_OPSET} to {MAX_OPSET}, and older; "
                    f"upgrade onnx, or export the model with opset_version={MAX_OPSET}"
                )
    return int(versions[0])


def upgraded(proto: onnx.ModelProto, label: str) -> onnx.ModelProto:
    """The model itself, or in operator set 13 where its own is older. Raises `CompileError` where the converter fails.

    Functions inside a model come with operator sets from 15 on; an older one is not converted, but refused.
    """
    version = operator_set(proto, label)
    for function in proto.functions:
        oldest = min((entry.version for entry in function.opset_import if entry.domain in STANDARD), default=version)
        if oldest < MIN_OPSET:
            raise CompileError(
                f"{_function(function, label)} has operator set {oldest}, allowed are {MIN_OPSET} to {MAX_OPSET}"
            )
    return proto if version >= MIN_OPSET else _convert(proto, version, label)


def _function(function: onnx.FunctionProto, label: str) -> str:
    return f"{label}: function {function.name}"


def _convert(proto: onnx.ModelProto, version: int, label: str) -> onnx.ModelProto:
    try:
        converted = onnx.version_converter.convert_version(proto, MIN_OPSET)
    except Exception as error:  # the converter's exceptions share no base
        raise CompileError(
            f"{label} has operator set {version}, allowed are {MIN_OPSET} to {MAX_OPSET}, and onnx's converter cannot "
            f"bring it there ({first_line(error)}); export the model with opset_version={MIN_OPSET} or newer"
        ) from None
    for graph in all_graphs(converted):
        del graph.value_info[:]  # the converter writes shapes of values that it inserts, and they are wrong
    return converted
