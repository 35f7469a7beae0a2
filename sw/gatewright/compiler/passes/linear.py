"""Products with a constant matrix become one operator, with the sum that follows."""

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.graph_access import constant_of, graph_of, maker_of
from gatewright.compiler.passes.quantised import QUANTISED
from gatewright.compiler.passes.rewriting import Pass, array, consumer, emit, initializer, operands, replace, vector

__all__ = ["FuseLinear"]


class FuseLinear(Pass):
    """Before: ``MatMul(x, W)`` or ``Gemm(x, W, c)`` with W constant [K, N], maybe followed by a sum with a constant
    vector.

    After: ``gatewright.Linear(x, weight [N, K], bias [N])``, without bias where there is none.
    """

    def rewrite(self, model: ir.Model) -> bool:
        self._weights: dict[tuple[ir.Value, bool, float], ir.Value] = {}
        changes = [self._convert(node) for node in list(model.graph) if node.graph is not None]
        return any(changes)

    def _convert(self, node: ir.Node) -> bool:
        if node.domain or node.op_type not in ("MatMul", "Gemm"):
            return False
        x, matrix = node.inputs[:2]
        data = array(matrix)
        if x is None or matrix is None or x is matrix or array(x) is not None:
            return False
        if data is None or data.ndim != 2 or data.dtype != np.float32 or node.attributes.get_int("transA", 0) == 1:
            return False
        transposed = node.attributes.get_int("transB", 0) == 1
        factor = node.attributes.get_float("alpha", 1.0) or 0.0
        outputs = data.shape[0 if transposed else 1]
        bias, addend = _gemm_bias(node, outputs)
        result = node.outputs[0]
        if bias is None and addend is None and (found := _following_bias(result, outputs)):
            bias, result = found
        last, graph = maker_of(result), graph_of(node)
        inputs = [x, self._weight(graph, matrix, transposed, factor), *([bias] if bias is not None else [])]
        new = emit("Linear", inputs, last, graph, overload="" if bias is not None else "no_bias", ours=True)
        new.shape = result.shape
        if addend is not None:
            new = emit("Add", [new, addend], new.producer(), graph, shape=result.shape)
        replace(result, new)
        return True

    def _weight(self, graph: ir.Graph, value: ir.Value, transposed: bool, factor: float) -> ir.Value:
        """``value`` as [N, K] times ``factor``; the same constant where it is read in the same way again."""
        if transposed and factor == 1.0:
            return value
        key = (value, transposed, factor)
        if key not in self._weights:
            data = constant_of(value)
            turned = np.ascontiguousarray(data if transposed else data.T) * np.float32(factor)
            weight = initializer(graph, turned, value.name or "weight")
            if QUANTISED in value.meta:
                stored, scale, axis = value.meta[QUANTISED]
                flipped = axis if transposed or axis is None else 1 - axis
                weight.meta[QUANTISED] = (stored if transposed else stored.T, scale * np.float32(factor), flipped)
            self._weights[key] = weight
        return self._weights[key]


def _gemm_bias(node: ir.Node, outputs: int) -> tuple[npt.NDArray[np.float32] | None, ir.Value | None]:
    """The constant vector that a Gemm adds, or else the value that it adds."""
    addend = node.inputs[2] if node.op_type == "Gemm" and len(node.inputs) > 2 else None
    beta = node.attributes.get_float("beta", 1.0) or 0.0
    if addend is None or beta == 0.0:
        return None, None
    constant = vector(addend, outputs)
    if constant is not None:
        return constant * np.float32(beta), None
    if beta != 1.0:
        before = addend.producer()
        addend = emit("Mul", [addend, np.float32(beta).reshape(1)], before, graph_of(node), shape=addend.shape)
    return None, addend


def _following_bias(result: ir.Value, outputs: int) -> tuple[npt.NDArray[np.float32], ir.Value] | None:
    node = consumer(result, "Add")
    for value, constant in operands(node) if node else ():
        bias = vector(constant, outputs)
        if value is result and bias is not None and node is not None and node.outputs[0].shape == result.shape:
            return bias, node.outputs[0]
    return None
