"""The operators of domain ``gatewright``, each with a body of standard ONNX operators.

An ONNX runtime that does not know the domain executes the body (a `FunctionProto` inside the model), so that a model
with these operators runs everywhere. Bodies are written for the operator set of the model: `function` picks the
spelling.

A body cannot ask whether an optional input is there; operators with one have two bodies, told apart by the node's
``overload`` (IR version 10).
"""

import onnx
import onnx.parser
import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.operator_bodies import OPERATORS

__all__ = ["DOMAIN", "HOST_DOMAIN", "IR_VERSION", "OPERATORS", "VERSION", "add_functions", "csr_function", "function"]

DOMAIN = "gatewright"
HOST_DOMAIN = "gatewright.host"
"""Of functions that passes make of a model's own nodes: the host runs one as a whole, as far ahead as it can."""
VERSION = 1
IR_VERSION = 10  # the first with overloads


def function(op_type: str, opset: int, overload: str = "") -> onnx.FunctionProto:
    """The body of ``op_type`` for a model that imports ``opset`` of the standard domain.

    Raises `CompileError` for an operator, overload or operator set that the domain does not have.
    """
    bodies = OPERATORS[op_type].bodies if op_type in OPERATORS else {}
    fitting = [body for body in bodies.get(overload, ()) if body[0] <= opset]
    if not fitting:
        known = ", ".join(sorted(OPERATORS))
        raise CompileError(
            f"operator {DOMAIN}.{op_type} {overload} for operator set {opset}: allowed are {known}, "
            "from operator set 13 on"
        )
    _, inputs, text = max(fitting)
    attributes = OPERATORS[op_type].attributes
    header = f'<opset_import: ["": {opset}], domain: "{DOMAIN}"'
    header += f', overload: "{overload}">' if overload else ">"
    listed = f"<{', '.join(attributes)}>" if attributes else ""
    return onnx.parser.parse_function(f"{header} {op_type} {listed} ({inputs}) => (y) {{ {text} }}")


def csr_function(opset: int) -> onnx.FunctionProto:
    """``CsrMatMul(row_ptr int64 [R + 1], col int64 [E], weight float [E], x float [C, F]) -> float [R, F]``.

    A sparse matrix of R rows and C columns, in compressed rows, times features: add the result to ``model.functions``,
    import domain ``gatewright`` version 1, and use the operator as a node.
    """
    return function("CsrMatMul", opset)


def add_functions(model: ir.Model) -> None:
    """Give ``model`` the bodies of the operators of this domain that it uses, and take away those it does not use.

    Raises `CompileError`, naming the node, for a node of the domain that is not one of its operators.
    """
    used: dict[tuple[str, str], ir.Node] = {}
    for graph in model.graphs():
        used |= {(node.op_type, node.overload): node for node in graph if node.domain == DOMAIN}
    for identifier in [key for key in model.functions if key[0] == DOMAIN]:
        if identifier[1:] not in used:
            del model.functions[identifier]
    if not used:
        return
    opset = model.opset_imports[""]
    model.ir_version = max(model.ir_version, IR_VERSION)
    model.opset_imports.setdefault(DOMAIN, VERSION)
    for (op_type, overload), node in used.items():
        if (DOMAIN, op_type, overload) in model.functions:
            continue
        try:
            body = function(op_type, opset, overload)
        except CompileError as error:
            raise CompileError(f"node {node.name}: {error}") from None
        model.functions[DOMAIN, op_type, overload] = ir.serde.deserialize_function(body)
