"""Model files with random damage: each becomes a program or a sentence, never a traceback, in little time."""

import random

import numpy as np
import onnx
import pytest
from onnx import numpy_helper, parser

from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import CompileError
from gatewright.program.compiled import CompiledProgram

SEEDS = 25

UNLUCKY = [("layers", 125), ("layers", 149), ("attention", 101), ("branches", 412)]
"""Whose damage once got through: a scale of 1e31, dims and a shape that do not fit, a name that is no text."""

MODELS = {
    "layers": (
        "float[n,8] x",
        "float[n,4] y",
        "h = MatMul(x, weight) g = Gelu(h) y = Clip(g, low, high)",
        {"weight": np.eye(8, 4), "low": -1.0, "high": 1.0},
    ),
    "norms": (
        "int64[4] ids, float[4,8] x",
        "float[4,8] y",
        "row = Gather(table, ids) sum = Add(row, x) p = Softmax<axis = -1>(sum) y = LayerNormalization(p, gain, bias)",
        {"table": np.eye(16, 8), "gain": np.ones(8), "bias": np.zeros(8)},
    ),
    "attention": (
        "float[1,6,16] x, bool[1,6] mask",
        "float[1,6,16] y",
        """split = Reshape(x, heads) q = Transpose<perm = [0, 2, 1, 3]>(split) k = Transpose<perm = [0, 2, 3, 1]>(split)
        raw = MatMul(q, k) scores = Mul(raw, scale) wide = Unsqueeze(mask, axes) kept = Where(wide, scores, lowest)
        p = Softmax<axis = -1>(kept) mixed = MatMul(p, q) back = Transpose<perm = [0, 2, 1, 3]>(mixed)
        y = Reshape(back, joined)""",
        {
            "heads": np.array([0, 0, 2, 8]),
            "joined": np.array([0, 0, 16]),
            "axes": np.array([1, 2]),
            "scale": 0.35,
            "lowest": -1e9,
        },
    ),
    "quantised": (
        "float[4,16] x",
        "float[4,8] y",
        """q = QuantizeLinear(x, step, zero) d = DequantizeLinear(q, step, zero)
        w = DequantizeLinear<axis = 0>(weight, steps) g = Gemm<transB = 1>(d, w, bias) y = Relu(g)""",
        {
            "step": 0.02,
            "zero": np.uint8(128),
            "weight": np.arange(128, dtype=np.int8).reshape(8, 16),
            "steps": np.full(8, 0.01),
            "bias": np.ones(8),
        },
    ),
    "moves": (
        "float[2,3,8] x",
        "float[2,8,3] y, float[2,4] z",
        """y = Transpose<perm = [0, 2, 1]>(x) s = ReduceMean<keepdims = 0>(x, axis) a = Slice(s, start, end, axis)
        j = Concat<axis = 1>(a, a) z = Pad(j, pads)""",
        {"axis": np.array([1]), "start": np.array([0]), "end": np.array([2]), "pads": np.zeros(4, np.int64)},
    ),
    "branches": (
        "float[2,4] x, bool c",
        "float[2,4] y",
        """h = MatMul(x, weight) y = If(c) <then_branch = t () => (float[2,4] a) { a = Relu(h) },
                                            else_branch = e () => (float[2,4] b) { b = Neg(h) }>""",
        {"weight": np.eye(4)},
    ),
}


def whole(name: str) -> bytes:
    inputs, outputs, body, constants = MODELS[name]
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> test ({inputs}) => ({outputs}) {{ {body} }}')
    for key, value in constants.items():
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        model.graph.initializer.append(numpy_helper.from_array(array, key))
    onnx.checker.check_model(model)
    return model.SerializeToString()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to eight bytes changed, cut out, put in, or copied from elsewhere."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        at, count = rng.randrange(len(found)), rng.choice((1, 2, 8))
        match rng.randrange(5):
            case 0:
                found[at] = rng.randrange(256)
            case 1:
                found[at] ^= 1 << rng.randrange(8)
            case 2:
                del found[at : at + count]
            case 3:
                found[at:at] = rng.randbytes(count)
            case _:
                source = rng.randrange(len(found))
                found[at : at + count] = found[source : source + count]
    return bytes(found)


@pytest.mark.parametrize("name", MODELS)
def test_whole_models_compile(name):
    assert compile_model(whole(name), config="tiny", **({"buckets": {"n": [2]}} if name == "layers" else {})).variants


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "seed"), [*UNLUCKY, *((name, seed) for name in MODELS for seed in range(SEEDS))], ids=str
)
def test_damage(name, seed):
    data = damaged(whole(name), random.Random(f"{name} {seed}"))
    try:
        program = compile_model(data, config="tiny", buckets={"n": [2]} if b"n" in data and name == "layers" else None)
    except CompileError as error:
        assert str(error)  # noqa: PT017
    else:
        assert isinstance(program, CompiledProgram)


def test_a_constant_of_other_sizes_than_inference_gives_it():
    """A bound of Clip is a scalar; whoever computes it with a matrix gets a matrix."""
    constants = MODELS["layers"][3]
    model = parser.parse_model(
        '<ir_version: 10, opset_import: ["" : 20]> t (float[3,8] x) => (float[3,4] y) { y = Clip(low, weight, high) }'
    )
    for key, value in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), key))
    with pytest.raises(CompileError, match=r"y is declared as \[\], but is \[8, 4\]"):
        compile_model(model, config="tiny")


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([1 << 20, 1 << 20], r"input x is \[1048576,1048576\], allowed are at most"),
        ([2, 3], r"node pad \(Pad\): the shape of y is \[2,4611686018427387906\], allowed are at most"),
    ],
    ids=["input", "result"],
)
def test_values_larger_than_any_memory(sizes, message):
    model = parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : 20]> test (float[{sizes[0]},{sizes[1]}] x) => (float[a,b] y)'
        "{ h = Relu(x) [pad] y = Pad(h, pads) }"
    )
    pads = np.array([0, 0, 0, (1 << 62) - 1 if sizes[1] == 3 else 0])
    model.graph.initializer.append(numpy_helper.from_array(pads, "pads"))
    with pytest.raises(CompileError, match=message):
        compile_model(model, config="tiny")
