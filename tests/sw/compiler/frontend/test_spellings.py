"""Operators without a rule of their own become others: ONNX Runtime finds the same results behind each pass."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from gatewright.compiler.passes.spellings.contrib import SpellContrib
from gatewright.compiler.passes.spellings.qlinear import SpellQuantised
from gatewright.compiler.passes.spellings.standard import SpellStandard


def one_node(operator, operands, constant=(), version=21, domain="", kind=np.float32, **attributes):
    """A model of one node on arrays (None: not there), those in ``constant`` as initializers; and its inputs."""
    names = ["" if each is None else f"x{index}" for index, each in enumerate(operands)]
    there = [(index, name, each) for index, (name, each) in enumerate(zip(names, operands, strict=True)) if name]
    node = helper.make_node(operator, names, ["y"], name="node", domain=domain, **attributes)
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(each.dtype), each.shape)
        for index, name, each in there
        if index not in constant
    ]
    graph = helper.make_graph(
        [node],
        "test",
        inputs,
        [helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(np.dtype(kind)), None)],
        [numpy_helper.from_array(each, name) for index, name, each in there if index in constant],
    )
    opsets = [helper.make_opsetid("", version), *([helper.make_opsetid(domain, 1)] if domain else [])]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    feed = {name: each for index, name, each in there if index not in constant}
    (y,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)
    declared = helper.make_tensor_value_info("y", helper.np_dtype_to_tensor_dtype(y.dtype), y.shape)
    model.graph.output[0].CopyFrom(declared)
    return model, feed


# ---- Einsum

EINSUMS = {
    # equation: shapes
    "ij,jk->ik": ((3, 8), (8, 5)),
    "bij,bjk->bik": ((2, 3, 8), (2, 8, 5)),
    "bqhd,bkhd->bhqk": ((2, 5, 3, 8), (2, 6, 3, 8)),
    "bhqk,bkhd->bqhd": ((2, 3, 5, 6), (2, 6, 3, 8)),
    "...ij,...jk->...ik": ((2, 4, 3, 8), (2, 4, 8, 5)),
    "bi,oi->bo": ((3, 8), (5, 8)),
    "abcd,cde->abe": ((2, 3, 4, 8), (4, 8, 5)),
    "i,i->": ((8,), (8,)),
    "i,j->ij": ((3,), (8,)),
    "bi,bi->bi": ((3, 8), (3, 8)),
    "bi,bi->b": ((3, 8), (3, 8)),
    "bid,bd->bi": ((2, 3, 8), (2, 8)),
    "ijk->kji": ((2, 3, 4),),
    "ijk->j": ((2, 3, 4),),
    "ij->ij": ((2, 3),),
    "ij,jk": ((3, 8), (8, 5)),
    "ab,bc,cd->ad": ((3, 4), (4, 5), (5, 6)),
    "abx,bc->ac": ((3, 4, 2), (4, 5)),
}


@pytest.mark.parametrize("constant", [(), (0,), (1,)], ids=["computed", "constant left", "constant right"])
@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(equation, constant, canonical, rng):
    operands = [rng.normal(size=shape).astype(np.float32) for shape in EINSUMS[equation]]
    if len(operands) == 1 and constant:
        pytest.skip("all constant")
    found = canonical(*one_node("Einsum", operands, constant, equation=equation))
    assert "Einsum" not in found.operators


@pytest.mark.parametrize(("equation", "shape"), [("ii->i", (3, 3)), ("ii", (3, 3))])
def test_a_diagonal_stays(equation, shape, canonical, rng):
    found = canonical(*one_node("Einsum", [rng.normal(size=shape).astype(np.float32)], equation=equation))
    assert found.operators == {"Einsum": 1}


def test_sizes_that_broadcast_stay(canonical, rng):
    operands = [rng.normal(size=shape).astype(np.float32) for shape in ((1, 4), (3, 4))]
    assert canonical(*one_node("Einsum", operands, equation="ij,ij->ij")).operators == {"Einsum": 1}


def test_an_einsum_with_a_constant_matrix_is_a_linear_layer(canonical, rng):
    for constant, equation, shapes in ((1, "bi,oi->bo", ((3, 8), (5, 8))), (0, "oi,bi->bo", ((5, 8), (3, 8)))):
        operands = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
        found = canonical(*one_node("Einsum", operands, (constant,), equation=equation))
        assert found.operators.get(".Linear") == 1
        assert "MatMul" not in found.operators


def test_attention_in_einsums_is_one_operator(text_model, canonical, rng):
    model = text_model(
        "float[2,6,3,8] q, float[2,6,3,8] k, float[2,6,3,8] v",
        "float[2,6,3,8] y",
        """raw = Einsum<equation = "bqhd,bkhd->bhqk">(q, k)
           scores = Mul(raw, scale)
           weights = Softmax<axis = -1>(scores)
           y = Einsum<equation = "bhqk,bkhd->bqhd">(weights, v)""",
        scale=np.float32(0.35),
    )
    feed = {name: rng.normal(size=(2, 6, 3, 8)).astype(np.float32) for name in "qkv"}
    assert canonical(model, feed).operators.get(".Attention") == 1


# ---- others of ONNX


@pytest.mark.parametrize("shape", [(2, 3, 6, 16), (2, 6, 48)], ids=["heads apart", "heads joined"])
@pytest.mark.parametrize("positions", [True, False], ids=["positions", "no positions"])
@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("turned", [0, 8])
def test_rotary_embedding(shape, positions, interleaved, turned, canonical, rng):
    half = (turned or 16) // 2
    rows = (20,) if positions else (2, 6)
    angles = rng.uniform(0, 6, (*rows, half))
    operands = [rng.normal(size=shape), np.cos(angles), np.sin(angles)]
    operands = [each.astype(np.float32) for each in operands]
    if positions:
        operands.append(rng.integers(0, 20, (2, 6)))
    attributes = {"interleaved": interleaved, "rotary_embedding_dim": turned}
    attributes |= {"num_heads": 3} if len(shape) == 3 or turned else {}
    found = canonical(*one_node("RotaryEmbedding", operands, (1, 2), version=23, **attributes))
    assert "RotaryEmbedding" not in found.operators


PADS = {
    "constant": ([1, 0, 2, 0, 3, 1], 0.5, None),
    "negative": ([0, -1, 2, 1, 0, -2], -2.0, None),
    "axes": ([2, 1], 1.5, [-2]),
    "nothing": ([0, 0, 0, 0, 0, 0], 0.0, None),
}


@pytest.mark.parametrize("case", PADS)
@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_pad(case, mode, canonical, rng):
    amounts, fill, axes = PADS[case]
    if mode != "constant" and min(amounts) < 0:
        pytest.skip("ONNX says it of constants alone")
    operands = [rng.normal(size=(3, 4, 5)).astype(np.float32), np.array(amounts), np.float32(fill)]
    operands.append(None if axes is None else np.array(axes))
    found = canonical(*one_node("Pad", operands, (1, 2, 3), mode=mode))
    assert "Pad" not in found.operators


@pytest.mark.parametrize("upper", [0, 1])
@pytest.mark.parametrize("shift", [None, -1, 2, 9])
def test_triangles(upper, shift, canonical, rng):
    x = rng.normal(size=(2, 4, 5)).astype(np.float32)
    x[:, 3, 0] = np.inf  # below the diagonal
    x[:, 0, 4] = np.inf
    operands = [x, *([] if shift is None else [np.int64(shift)])]
    model, feed = one_node("Trilu", [np.where(np.isfinite(x), x, 0), *operands[1:]], (1,), upper=upper)
    assert "Trilu" not in canonical(model, feed).operators


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("size", [1.0, 30.0])
def test_log_softmax(axis, size, canonical, rng):
    x = (size * rng.normal(size=(3, 4, 5))).astype(np.float32)
    assert "LogSoftmax" not in canonical(*one_node("LogSoftmax", [x], axis=axis)).operators


@pytest.mark.parametrize("shape", [(2, 6, 4, 5), (3, 6, 7), (2, 6)])
def test_group_norm(shape, canonical, rng):
    operands = floats(rng, shape, (6,), (6,))
    model, feed = one_node("GroupNormalization", operands, (1, 2), num_groups=3, epsilon=1e-3)
    found = canonical(model, feed)
    assert found.operators[".LayerNorm"] == 1
    assert "GroupNormalization" not in found.operators


def test_instance_norm(canonical, rng):
    operands = [rng.normal(size=shape).astype(np.float32) for shape in ((2, 3, 4, 5), (3,), (3,))]
    assert canonical(*one_node("InstanceNormalization", operands, (1, 2))).operators[".LayerNorm"] == 1


# ---- of onnxruntime


def blocks(rng, bits, zeros):
    """MatMulNBits' operands for K = 40, N = 6 in blocks of 16."""
    packed = rng.integers(0, 256, (6, 3, 16 * bits // 8)).astype(np.uint8)
    operands = [rng.normal(size=(5, 40)), packed, rng.uniform(0.01, 0.1, (18,))]
    operands += [rng.integers(0, 256, (6 * -(-3 * bits // 8),)).astype(np.uint8)] if zeros else []
    return [each if each.dtype == np.uint8 else each.astype(np.float32) for each in operands]


def floats(rng, *shapes):
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def embedding(rng):
    tables = floats(rng, (30, 24), (12, 24), (2, 24), (24,), (24,))
    ids, kinds = rng.integers(0, 30, (2, 7)).astype(np.int32), rng.integers(0, 2, (2, 7)).astype(np.int32)
    return [ids, kinds, *tables]


CONTRIB = {
    "SkipLayerNormalization": lambda rng: (floats(rng, (2, 5, 24), (2, 5, 24), (24,), (24,), (24,)), (2, 3, 4), {}),
    "SkipSimplifiedLayerNormalization": lambda rng: (
        floats(rng, (2, 5, 24), (2, 5, 24), (24,)), (2,), {"epsilon": 1e-5}),
    "BiasGelu": lambda rng: (floats(rng, (3, 24), (24,)), (1,), {}),
    "FastGelu": lambda rng: (floats(rng, (3, 24), (24,)), (1,), {}),
    "Gelu": lambda rng: (floats(rng, (3, 24)), (), {}),
    "QuickGelu": lambda rng: (floats(rng, (3, 24)), (), {"alpha": 1.5}),
    "FusedMatMul": lambda rng: (floats(rng, (2, 8, 5), (2, 6, 8)), (), {"transA": 1, "transB": 1, "alpha": 0.5}),
    "MatMulNBits": lambda rng: (blocks(rng, 4, zeros=False), (1, 2), {"bits": 4, "block_size": 16, "K": 40, "N": 6}),
    "EmbedLayerNormalization": lambda rng: (embedding(rng), (2, 3, 4, 5, 6), {"mask_index_type": 0}),
    "RotaryEmbedding": lambda rng: (
        [*floats(rng, (2, 5, 48)), rng.integers(0, 9, (2, 5)), *floats(rng, (9, 8), (9, 8))],
        (2, 3),
        {"num_heads": 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("operator", CONTRIB)
def test_operators_of_onnxruntime(operator, canonical, rng):
    operands, constant, attributes = CONTRIB[operator](rng)
    model, feed = one_node(operator, operands, constant, domain="com.microsoft", **attributes)
    found = canonical(model, feed)
    assert operator not in found.operators


def test_weights_of_few_bits_with_zero_points(canonical, rng):
    attributes = {"bits": 4, "block_size": 16, "K": 40, "N": 6}
    model, feed = one_node("MatMulNBits", blocks(rng, 4, zeros=True), (1, 2, 3), domain="com.microsoft", **attributes)
    assert canonical(model, feed).operators == {".Linear": 1}


def test_the_sum_before_a_norm_is_an_output(canonical, rng):
    node = helper.make_node(
        "SkipLayerNormalization", ["x", "skip", "gamma"], ["y", "", "", "total"], name="n", domain="com.microsoft"
    )
    values = [helper.make_tensor_value_info(name, 1, [2, 5, 24]) for name in ("x", "skip", "y", "total")]
    gamma = numpy_helper.from_array(floats(rng, (24,))[0], "gamma")
    graph = helper.make_graph([node], "test", values[:2], values[2:], [gamma])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    feed = dict(zip(("x", "skip"), floats(rng, (2, 5, 24), (2, 5, 24)), strict=True))
    assert canonical(model, feed).operators == {"Add": 1, ".LayerNorm": 1}


# ---- quantised


def parameters(kind):
    return [np.float32(0.05), np.array(120 if kind is np.uint8 else -3, kind)]


def integers(rng, kind, *shape):
    return rng.integers(np.iinfo(kind).min, np.iinfo(kind).max + 1, shape).astype(kind)


QUANTISED = {
    "QLinearAdd": (2, {}),
    "QLinearMul": (2, {}),
    "QLinearSigmoid": (1, {}),
    "QLinearLeakyRelu": (1, {"alpha": 0.2}),
    "QLinearSoftmax": (1, {"axis": -1, "opset": 13}),
}


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("operator", QUANTISED)
def test_quantised_operators(operator, kind, canonical, rng):
    count, attributes = QUANTISED[operator]
    operands = [each for _ in range(count) for each in (integers(rng, kind, 3, 16), *parameters(kind))]
    constant = tuple(index for index in range(3 * count + 2) if index >= 3 * count or index % 3)
    model, feed = one_node(
        operator, [*operands, *parameters(kind)], constant, domain="com.microsoft", kind=kind, **attributes
    )
    # what is between two integers may be rounded the other way
    found = canonical(model, feed, tolerance=1.01 / 255)
    assert operator not in found.operators


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("columns", [True, False], ids=["a scale a column", "one scale"])
@pytest.mark.parametrize("real", [True, False], ids=["real result", "quantised result"])
def test_quantised_gemm(turned, columns, real, canonical, rng):
    weight = integers(rng, np.int8, *((6, 16) if turned else (16, 6)))
    scale = rng.uniform(0.01, 0.02, 6).astype(np.float32) if columns else np.float32(0.013)
    zero = np.zeros(6 if columns else (), np.int8)
    bias = rng.integers(-500, 500, 6).astype(np.int32)
    operands = [integers(rng, np.uint8, 4, 16), *parameters(np.uint8), weight, scale, zero, bias]
    operands += [] if real else [np.float32(0.3), np.uint8(130)]
    kind = np.float32 if real else np.uint8
    model, feed = one_node("QGemm", operands, range(1, 9), domain="com.microsoft", kind=kind, transB=turned, alpha=1.0)
    found = canonical(model, feed, tolerance=1e-5 if real else 1.01 / 255)
    assert "QGemm" not in found.operators
    assert found.operators[".Linear"] == 1


@pytest.mark.parametrize("mask", ["flags", "lengths", "none"])
def test_quantised_attention(mask, canonical, rng):
    operands = [integers(rng, np.uint8, 2, 5, 24), integers(rng, np.int8, 24, 72), *floats(rng, (72,))]
    operands += [np.float32(0.02), np.float32(0.004)]
    flags = (np.arange(5) < np.array([[5], [3]])).astype(np.int32)
    operands += [{"flags": flags, "lengths": flags.sum(1).astype(np.int32), "none": None}[mask]]
    operands += [np.uint8(127), np.int8(0)]
    constant = (1, 2, 3, 4, 6, 7)
    model, feed = one_node("QAttention", operands, constant, domain="com.microsoft", num_heads=3)
    found = canonical(model, feed, tolerance=1e-3)
    assert found.operators[".Attention"] == 1
    assert found.operators[".Linear"] == 3


@pytest.mark.parametrize("kind", [onnx.TensorProto.INT4, onnx.TensorProto.UINT4])
def test_weights_of_four_bits_in_blocks(kind, canonical, rng):
    """DequantizeLinear with a scale and a zero point for each block of the inner dimension."""
    low = -8 if kind == onnx.TensorProto.INT4 else 0
    stored = helper.make_tensor("stored", kind, [32, 6], rng.integers(low, low + 16, 32 * 6).tolist())
    zeros = helper.make_tensor("zeros", kind, [2, 6], rng.integers(low, low + 16, 12).tolist())
    scales = numpy_helper.from_array(rng.uniform(0.01, 0.1, (2, 6)).astype(np.float32), "scales")
    nodes = [
        helper.make_node("DequantizeLinear", ["stored", "scales", "zeros"], ["weight"], axis=0, block_size=16),
        helper.make_node("MatMul", ["x", "weight"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, 1, [5, size]) for name, size in (("x", 32), ("y", 6)))
    graph = helper.make_graph(nodes, "test", [x], [y], [stored, scales, zeros])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    assert canonical(model, {"x": floats(rng, (5, 32))[0]}).operators == {".Linear": 1}


def test_embeddings_with_the_lengths_of_a_mask(canonical, rng):
    """BERT's first layers, as onnxruntime's optimiser writes them: the mask's lengths go to the attention."""
    weights = floats(rng, (30, 24), (12, 24), (2, 24), (24,), (24,), (24, 72), (72,))
    names = ["words", "places", "kinds", "gamma", "beta", "weight", "bias"]
    nodes = [
        helper.make_node(
            "EmbedLayerNormalization",
            ["ids", "segments", *names[:5], "mask"],
            ["x", "lengths"],
            domain="com.microsoft",
            mask_index_type=1,
        ),
        helper.make_node("Attention", ["x", "weight", "bias", "lengths"], ["y"], domain="com.microsoft", num_heads=3),
    ]
    inputs = [
        helper.make_tensor_value_info(name, onnx.TensorProto.INT32, [2, 7]) for name in ("ids", "segments", "mask")
    ]
    constants = [numpy_helper.from_array(each, name) for name, each in zip(names, weights, strict=True)]
    outputs = [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 7, 24])]
    graph = helper.make_graph(nodes, "test", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    feed = {"ids": rng.integers(0, 30, (2, 7)), "segments": rng.integers(0, 2, (2, 7))}
    feed["mask"] = np.arange(7) < np.array([[7], [4]])
    feed = {name: each.astype(np.int32) for name, each in feed.items()}
    found = canonical(model, feed)
    assert found.operators[".Attention"] == found.operators[".LayerNorm"] == 1
    assert len(found.one("Attention").inputs) == 4


def test_every_spelling_is_tested():
    tested = {*CONTRIB, "SimplifiedLayerNormalization"}
    assert {name for _, name in SpellContrib.spellings} == tested
    standard = {
        "RotaryEmbedding",
        "Einsum",
        "Pad",
        "Trilu",
        "LogSoftmax",
        "GroupNormalization",
        "InstanceNormalization",
    }
    assert {name for _, name in SpellStandard.spellings} == standard
    assert {name for _, name in SpellQuantised.spellings} == {*QUANTISED, "QGemm", "QAttention"}
