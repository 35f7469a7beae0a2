"""What to change in an export so that a node no longer splits the program in two."""

from __future__ import annotations

import onnx_ir as ir

from gatewright.compiler.lower.rules import rule_of
from gatewright.compiler.quantisation.infinities import pole

__all__ = ["remedy"]

_BEFORE = (
    "let it depend on inputs of the model alone, not on a layer, or make what it gives an input: "
    "it then runs before the doorbell"
)
_BEHIND = "end the model at what it reads, and choose among the results on the host"
_TRACED = "export without control flow: torch.export unrolls loops and takes the branch of the example inputs"
_STEPS = "unroll it over a fixed number of steps, as linear layers, Sigmoid and Tanh"
_SPARSE = "write message passing as gatewright.CsrMatMul (gatewright.models.csr_op.csr_matmul in PyTorch)"
_PATCHES = "write it as Reshape, Transpose and a linear layer where windows do not overlap"
_FINITE = "leave the test out: the accelerator has no infinity"
_DRAWN = "draw outside of the model, and make the numbers an input"

_FAMILIES = (
    (("CumSum", "Range", "OneHot", "Mod", "Floor", "Ceil", "Round", "Sign"), _BEFORE),
    (("Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Xor", "Not"), _BEFORE),
    (("TopK", "ArgMax", "ArgMin", "NonZero", "Unique", "NonMaxSuppression", "Hardmax"), _BEHIND),
    (("If", "Loop", "Scan", "SequenceMap"), _TRACED),
    (("LSTM", "GRU", "RNN"), _STEPS),
    (("ScatterND", "ScatterElements", "GatherND", "GatherElements"), _SPARSE),
    (("Conv", "ConvTranspose", "MaxPool", "AveragePool"), _PATCHES),
    (("IsInf", "IsNaN"), _FINITE),
    (("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"), _DRAWN),
)
_BY_OPERATOR = {operator: what for operators, what in _FAMILIES for operator in operators}


def remedy(node: ir.Node) -> str:
    """What to change for a node that runs on the host between two steps of the fabric."""
    if not node.domain and node.op_type in _BY_OPERATOR:
        return _BY_OPERATOR[node.op_type]
    divisor = pole(node)
    if divisor is not None:
        return f"keep {divisor.name} away from 0: add a small constant to it, or take Max with one"
    if any(value is not None and value.shape is not None and not value.shape.is_static() for value in node.inputs):
        return "give its dynamic dimensions sizes (--bucket) instead of a capacity"
    if rule_of(node) is not None:
        return "bring it within what is allowed, or move it before the first or behind the last layer"
    return "write it with operators that the accelerator has, or move it before the first or behind the last layer"
