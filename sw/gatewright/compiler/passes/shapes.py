"""Shapes that ONNX's own inference does not find, and the check that none is missing."""

import math
from collections.abc import Iterable

import onnx
import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.passes.dimensions import symbols
from gatewright.compiler.passes.rewriting import Pass, array
from gatewright.program.onnx_session import OnnxSession, SessionError

__all__ = ["CheckShapes", "infer_more"]

Size = int | ir.SymbolicDim

MOST_ELEMENTS = 1 << 27
"""Of a value: as int16 they take the 256 MiB that a program may have."""


def infer_more(model: ir.Model) -> bool:
    """Shapes of sparse products, of dynamic sizes that a reshape joins, and of operators that only onnxruntime defines.

    Says whether any was found.

    Raises `CompileError` for a sparse product of operands with the wrong number of axes.
    """
    rules = {(DOMAIN, "CsrMatMul"): _infer_csr, ("", "Reshape"): _infer_reshape, ("", "Flatten"): _infer_flatten}
    changed = [rule(node) for node in model.graph if (rule := rules.get((node.domain, node.op_type))) is not None]
    unknown = [value for node in model.graph for value in node.outputs if value.shape is None or value.dtype is None]
    if any(changed) or not unknown or all(node.domain in ("", DOMAIN) for node in model.graph):
        return any(changed)
    return _infer_by_runtime(model, [value for value in unknown if value.name and value.uses()])


def _infer_csr(node: ir.Node) -> bool:
    row_ptr, features, output = node.inputs[0], node.inputs[3], node.outputs[0]
    if row_ptr is None or features is None or row_ptr.shape is None or features.shape is None:
        return False
    if len(row_ptr.shape) != 1 or len(features.shape) != 2:
        raise CompileError(
            f"node {node.name}: row_ptr has {len(row_ptr.shape)} axes and x has {len(features.shape)}, "
            "allowed are 1 and 2"
        )
    before = output.shape
    output.shape, output.dtype = ir.Shape([row_ptr.shape[0] - 1, features.shape[1]]), ir.DataType.FLOAT
    return output.shape != before


def _infer_reshape(node: ir.Node) -> bool:
    value, output, target = node.inputs[0], node.outputs[0], array(node.inputs[1])
    if value is None or value.shape is None or target is None or _is_known(output):
        return False
    copies = not node.attributes.get_int("allowzero", 0)
    wanted: list[Size] = [
        value.shape[at] if size == 0 and copies else int(size) for at, size in enumerate(target.reshape(-1))
    ]
    if -1 in wanted:
        at = wanted.index(-1)
        total, rest = _product(value.shape), _product([*wanted[:at], *wanted[at + 1 :]])
        wanted[at] = _plain(total / rest if isinstance(total, ir.SymbolicDim) else ir.SymbolicDim(None))
    output.shape = ir.Shape(wanted)
    return _is_known(output)


def _infer_flatten(node: ir.Node) -> bool:
    value, output = node.inputs[0], node.outputs[0]
    if value is None or value.shape is None or _is_known(output):
        return False
    axis = node.attributes.get_int("axis", 1) or 0
    sizes = list(value.shape)
    output.shape = ir.Shape([_plain(_product(sizes[:axis])), _plain(_product(sizes[axis:]))])
    return _is_known(output)


def _is_known(value: ir.Value) -> bool:
    return value.shape is not None and all(isinstance(size, int) or size.value is not None for size in value.shape)


def _product(sizes: Iterable[Size]) -> Size:
    total: Size = 1
    for size in sizes:
        total = size * total if isinstance(size, ir.SymbolicDim) else total * size
    return total


def _plain(size: Size) -> Size:
    """A number for an expression that is one."""
    return size.evaluate({}) if isinstance(size, ir.SymbolicDim) else size


def _infer_by_runtime(model: ir.Model, values: list[ir.Value]) -> bool:
    """Ask onnxruntime for the types of ``values``, by making them outputs."""
    proto = ir.to_proto(model)
    outputs = {output.name for output in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=value.name) for value in values if value.name not in outputs)
    try:
        described = OnnxSession(proto.SerializeToString(), fused=False).outputs
    except SessionError as error:
        raise CompileError(f"the model has shapes that ONNX does not infer: {error}") from None
    changed = False
    for value in values:
        output = described[value.name or ""]
        if value.shape is None and output.shape is not None and (output.shape or value.is_graph_output()):
            value.shape = ir.Shape([size or None for size in output.shape])
            if value.dtype is None and output.type in _TYPES:
                value.dtype = _TYPES[output.type]
            changed = True
    return changed


_TYPES = {
    "tensor(float)": ir.DataType.FLOAT,
    "tensor(int64)": ir.DataType.INT64,
    "tensor(int32)": ir.DataType.INT32,
    "tensor(int8)": ir.DataType.INT8,
    "tensor(uint8)": ir.DataType.UINT8,
    "tensor(bool)": ir.DataType.BOOL,
}


class CheckShapes(Pass):
    """Before and after: the same model. Every value has a shape: numbers, and dimensions with a capacity.

    Raises `CompileError` naming the node and the value otherwise, and for a value of more than `MOST_ELEMENTS`.
    """

    def rewrite(self, model: ir.Model) -> bool:
        allowed = {*self.bindings.capacity, *self.bindings.derived}
        for value in model.graph.inputs:
            self._check_size(value, f"input {value.name}")
        for node in model.graph:
            for value in node.outputs:
                if not value.uses() and not value.is_graph_output():
                    continue
                where = f"node {node.name} ({node.op_type}): the shape of {value.name}"
                if value.shape is None:
                    raise CompileError(
                        f"{where} is unknown, allowed are operators whose shapes follow from their inputs' shapes"
                    )
                unknown = {name for size in value.shape for name in symbols(size)} - allowed
                if unknown:
                    raise CompileError(
                        f"{where} is {value.shape}, allowed are numbers and dimensions with a capacity: "
                        "it depends on data"
                    )
                self._check_size(value, where)
        return False

    def _check_size(self, value: ir.Value, where: str) -> None:
        largest = {**self.bindings.capacity, **self.bindings.derived}
        sizes = [size if isinstance(size, int) else largest.get(str(size.value), 1) for size in value.shape or ()]
        if math.prod(sizes) > MOST_ELEMENTS:
            raise CompileError(f"{where} is {value.shape}, allowed are at most {MOST_ELEMENTS:,} elements")
