"""Small models, whole and with changes that a checker of protobufs does not see."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import onnx
from hypothesis import strategies as st
from onnx import numpy_helper, parser

from gatewright_sim.fuzz.files.edits import damaged, numbers

__all__ = ["MODELS", "changed_models", "model"]

_ROWS = np.linspace(-1, 1, 64, dtype=np.float32)

MODELS: dict[str, tuple[str, str, str, dict[str, npt.ArrayLike]]] = {
    "layers": (
        "float[3,8] x",
        "float[3,4] y",
        "h = MatMul(x, weight) g = Gelu(h) y = Clip(g, low, high)",
        {"weight": _ROWS[:32].reshape(8, 4), "low": np.float32(-1), "high": np.float32(1)},
    ),
    "norms": (
        "int64[4] ids, float[4,8] x",
        "float[4,8] y",
        "row = Gather(table, ids) s = Add(row, x) p = Softmax<axis = -1>(s) y = LayerNormalization<axis = -1>(p, gain)",
        {"table": _ROWS.reshape(8, 8), "gain": np.ones(8, np.float32)},
    ),
    "attention": (
        "float[1,6,16] x",
        "float[1,6,16] y",
        """split = Reshape(x, heads) q = Transpose<perm = [0, 2, 1, 3]>(split) k = Transpose<perm = [0, 2, 3, 1]>(split)
        raw = MatMul(q, k) p = Softmax<axis = -1>(raw) mixed = MatMul(p, q)
        back = Transpose<perm = [0, 2, 1, 3]>(mixed) y = Reshape(back, joined)""",
        {"heads": np.array([0, 0, 2, 8]), "joined": np.array([0, 0, 16])},
    ),
    "host": (
        "float[2,8] x",
        "float[2,8] y",
        "a = Relu(x) b = Mod<fmod = 1>(a, one) c = MatMul(b, weight) y = Add(c, x)",
        {"one": np.float32(1), "weight": _ROWS.reshape(8, 8)},
    ),
}
"""Inputs, outputs, nodes and constants."""

_ALIKE = (
    ("Relu", "Sigmoid", "Tanh", "Exp", "Neg", "Sqrt", "Gelu", "Softmax", "Identity", "Transpose", "Reciprocal"),
    ("Add", "Mul", "Sub", "Div", "MatMul", "Pow", "Mod", "Max"),
    ("Clip", "Where", "LayerNormalization", "Gemm", "Sum"),
)
"""Operators of as many inputs."""
_ENTRIES = (0.0, 1.0, -1.0, 0.3, 1e-30, 1e30, np.inf, -np.inf, np.nan, 127.0, 65504.0)
_TYPES = (*5 * (np.float32,), np.int64, np.float16, np.float64, np.int8, np.uint8, np.int32, np.bool_)
_DIMS = st.lists(st.sampled_from((1, 2, 3, 4, 8, 0, 16, 65)), max_size=3)


@cache
def model(name: str) -> bytes:
    """One of MODELS."""
    inputs, outputs, body, constants = MODELS[name]
    found = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> test ({inputs}) => ({outputs}) {{ {body} }}')
    for key, value in constants.items():
        found.graph.initializer.append(numpy_helper.from_array(np.asarray(value), key))
    return found.SerializeToString()


@st.composite
def changed_models(draw: st.DrawFn) -> bytes:
    """Sizes, types, constants, operators, attributes and connections are others; seldom any bytes."""
    data = model(draw(st.sampled_from(sorted(MODELS))))
    if draw(st.integers(0, 7)) == 0:
        return draw(damaged(data))
    found = onnx.load_from_string(data)
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        _change(draw, found.graph)
    return found.SerializeToString()


def _change(draw: st.DrawFn, graph: onnx.GraphProto) -> None:
    place = draw(st.integers(0, len(graph.node) - 1))
    node = graph.node[place]
    constant = graph.initializer[draw(st.integers(0, len(graph.initializer) - 1))]
    kind = draw(st.sampled_from((*graph.input, *graph.output))).type.tensor_type
    match draw(st.integers(0, 9)):
        case 0 | 1:
            alike = next((names for names in _ALIKE if node.op_type in names), _ALIKE[0])
            node.op_type = draw(st.sampled_from(alike))
        case 2 | 3 if node.input:
            made = [output for earlier in graph.node[:place] for output in earlier.output]
            names = [*made, *(each.name for each in (*graph.input, *graph.initializer)), ""]
            node.input[draw(st.integers(0, len(node.input) - 1))] = draw(st.sampled_from(names))
        case 4 if node.attribute:
            node.attribute[0].i = draw(_int64)
            node.attribute[0].ints[:] = draw(st.lists(st.integers(-3, 3) | _int64, max_size=4))
        case 5:
            constant.dims[:] = draw(st.lists(_int64, max_size=3))
        case 6 if kind.shape.dim:
            dim = kind.shape.dim[draw(st.integers(0, len(kind.shape.dim) - 1))]
            dim.dim_value = draw(st.sampled_from((1, 2, 5, 9, 65)) | _int64)
        case 7:
            kind.elem_type = draw(st.integers(0, 24))
        case _:
            shape = draw(_DIMS) if draw(st.booleans()) else [size for size in constant.dims if 0 <= size < 100]
            with np.errstate(all="ignore"):
                new = np.full(shape, draw(st.sampled_from(_ENTRIES))).astype(draw(st.sampled_from(_TYPES)))
            constant.CopyFrom(numpy_helper.from_array(new, constant.name))


_int64 = numbers.filter(lambda value: -(2**63) <= value < 2**63)
