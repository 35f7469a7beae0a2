"""Attention that cannot be one operator of ours becomes the pieces that ONNX's definition of it names."""

from typing import Any

import onnx
import onnx_ir as ir
from onnx_ir.passes import common

from gatewright.compiler.passes.fold import FoldConstants
from gatewright.compiler.passes.rewriting import Pass

__all__ = ["ExpandAttention"]

_DOMAIN = "gatewright.expanded"


class ExpandAttention(Pass):
    """Before: ONNX's ``Attention``. After: MatMul, Softmax and what else its body has, with constants folded."""

    def rewrite(self, model: ir.Model) -> bool:
        attentions = [node for node in model.graph if (node.domain, node.op_type) == ("", "Attention")]
        for index, node in enumerate(attentions):
            function = _body(node, model.opset_imports[""])
            function.domain, function.name = _DOMAIN, f"Attention{index}"
            body = ir.serde.deserialize_function(function)
            model.functions[body.identifier()] = body
            node.domain, node.op_type, node.version = _DOMAIN, function.name, None
            for name in [name for name in node.attributes if name not in function.attribute]:
                node.attributes.pop(name)
        if attentions:
            model.opset_imports.setdefault(_DOMAIN, 1)
            common.InlinePass(criteria=lambda body: body.domain == _DOMAIN)(model)
            model.opset_imports.pop(_DOMAIN)
            common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
            FoldConstants()(model)
        return bool(attentions)


def _body(node: ir.Node, opset: int) -> onnx.FunctionProto:
    """ONNX's body for a node with these attributes and operands."""
    types = [_type(value).SerializeToString() for value in node.inputs]
    schema: Any = onnx.defs.get_schema("Attention", opset)  # whose type hints lack the method
    function = onnx.FunctionProto()
    function.ParseFromString(
        schema.get_context_dependent_function(ir.serde.serialize_node(node).SerializeToString(), types)
    )
    del function.output[len(node.outputs) :]
    made = {name for each in function.node for name in each.output}
    for name in function.output:
        if name not in made:  # an optional output that nobody reads
            function.node.append(onnx.helper.make_node("Identity", [function.output[0]], [name]))
    return function


def _type(value: ir.Value | None) -> onnx.TypeProto:
    if value is None or value.dtype is None or value.shape is None:
        return onnx.TypeProto()
    sizes = [size if isinstance(size, int) else str(size) for size in value.shape]
    return onnx.helper.make_tensor_type_proto(int(value.dtype), sizes)
