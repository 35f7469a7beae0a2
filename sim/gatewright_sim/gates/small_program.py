"""A program small enough for gates, in which every engine has its part: a graph's neighbours, attention, a layer of two
products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from gatewright.compiler.compile import compile_model
from gatewright.program import CompiledProgram
from gatewright.spec.config import AcceleratorConfig

__all__ = ["small_program"]

_ROWS, _WIDTH, _HIDDEN, _RESULTS, _EDGES = 20, 24, 40, 5, 90
_GRAPH = """
<ir_version: 10, opset_import: ["" : 20, "gatewright" : 1]>
small (float[20, 24] x) => (float[20, 5] scores) {
    neighbours = gatewright.CsrMatMul (row_ptr, col, weight, x)
    seen = Add (x, neighbours)
    normal = LayerNormalization <axis: int = -1> (seen, gain, bias)
    query = MatMul (normal, to_query)
    key = MatMul (normal, to_key)
    value = MatMul (normal, to_value)
    keys = Transpose <perm: ints = [1, 0]> (key)
    products = MatMul (query, keys)
    shares = Softmax <axis: int = -1> (products)
    attended = MatMul (shares, value)
    sum = Add (seen, attended)
    hidden = MatMul (sum, to_hidden)
    active = Gelu (hidden)
    scores = MatMul (active, to_scores)
}
"""


def small_program(config: AcceleratorConfig) -> tuple[CompiledProgram, Mapping[str, npt.NDArray[Any]]]:
    """The compiled program, and inputs for it; the same in every process."""
    rng = np.random.default_rng(9)

    def weight(*shape: int) -> npt.NDArray[np.float32]:
        return (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)

    row = np.sort(rng.integers(0, _ROWS, _EDGES))
    constants: dict[str, npt.NDArray[Any]] = {
        "row_ptr": np.concatenate([[0], np.cumsum(np.bincount(row, minlength=_ROWS))]),
        "col": rng.integers(0, _ROWS, _EDGES),
        "weight": rng.uniform(-1, 1, _EDGES).astype(np.float32),
        "gain": weight(_WIDTH),
        "bias": weight(_WIDTH),
        **{f"to_{name}": weight(_WIDTH, _WIDTH) for name in ("query", "key", "value")},
        "to_hidden": weight(_WIDTH, _HIDDEN),
        "to_scores": weight(_HIDDEN, _RESULTS),
    }
    model = onnx.parser.parse_model(_GRAPH)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in constants.items())
    inputs = {"x": rng.normal(size=(_ROWS, _WIDTH)).astype(np.float32)}
    return compile_model(model, config=config, calibration=[inputs], max_error=np.inf), inputs
