"""Integer operators: equal to ONNX Runtime to the last bit."""

import numpy as np
import pytest


def draw(rng, dtype, *shape):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def assert_equal(outcome):
    assert not outcome.reasons
    for name, expected in outcome.expected.items():
        assert outcome.found[name].dtype == expected.dtype
        np.testing.assert_array_equal(outcome.found[name], expected)


@pytest.mark.parametrize("constant", [(), (1,)])
@pytest.mark.parametrize("kinds", [("uint8", "uint8"), ("uint8", "int8"), ("int8", "int8")])
@pytest.mark.parametrize("zeros", [None, (0, 0), (12, 7), (100, 0), (0, 100)])
def test_matmul_integer(apply, kinds, zeros, constant, rng):
    operands = [draw(rng, kinds[0], 9, 60), draw(rng, kinds[1], 60, 13)]
    if zeros is not None:
        operands += [np.asarray(zero, kind) for zero, kind in zip(zeros, kinds, strict=True)]
        constant = (*constant, 2, 3)
    assert_equal(apply("MatMulInteger", *operands, constant=constant))


def test_extreme_integers(apply):
    a, b = np.full((2, 127), 255, np.uint8), np.full((127, 3), 255, np.uint8)
    assert_equal(apply("MatMulInteger", a, b, np.uint8(0), np.uint8(0), constant=(2, 3)))
    assert_equal(apply("MatMulInteger", 255 - a, b, np.uint8(255), np.uint8(0), constant=(2, 3)))


def test_a_batch_and_zero_points_of_columns(apply, rng):
    a, b = draw(rng, "uint8", 2, 3, 20), draw(rng, "int8", 20, 5) // 4
    assert_equal(apply("MatMulInteger", a, b, np.uint8(3), np.int8([1, 2, 3, 4, 5]), constant=(1, 2, 3)))


def test_an_inner_dimension_beyond_24_bits(apply, rng):
    a, b = draw(rng, "uint8", 2, 200), draw(rng, "uint8", 200, 3)
    outcome = apply("MatMulInteger", a, b, np.uint8(3), np.uint8(0), constant=(2, 3))
    assert outcome.reasons == ["its zero points are not 0 and its inner dimension is 200, allowed at most 127"]
    assert_equal(apply("MatMulInteger", a, b, np.uint8(128), np.uint8(128), constant=(2, 3)))


@pytest.mark.parametrize("constant", [(), (3,)])
@pytest.mark.parametrize("kinds", [("uint8", "uint8", 118), ("uint8", "int8", 7), ("int8", "int8", 1)])
@pytest.mark.parametrize("scale", [0.0107, 0.25, 1.9])
def test_qlinear_matmul(apply, kinds, scale, constant, rng):
    """Equal; the next integer at most where the exact result is within 2**-8 of a tie."""
    a_kind, b_kind, zero = kinds
    a, b = draw(rng, a_kind, 20, 40), draw(rng, b_kind, 40, 30)
    scales = np.float32([0.0066, 0.00705, scale])
    operands = [
        a,
        scales[0],
        np.asarray(13, a_kind),
        b,
        scales[1],
        np.asarray(3, b_kind),
        scales[2],
        np.asarray(zero, a_kind),
    ]
    outcome = apply("QLinearMatMul", *operands, constant=(1, 2, *constant, 4, 5, 6, 7))
    assert not outcome.reasons
    exact = (a.astype(np.int64) - 13) @ (b.astype(np.int64) - 3) * float(scales[0] * scales[1] / scales[2])
    tie = np.abs(exact - np.floor(exact) - 0.5) < 2.0**-8
    off = np.abs(outcome.found["y0"].astype(int) - outcome.expected["y0"])
    assert off.max() <= 1
    assert not off[~tie].any()
    assert tie.mean() < 0.05


@pytest.mark.parametrize(("dtype", "zero"), [("uint8", 128), ("uint8", 3), ("int8", 0), ("int8", -5), ("int16", 0)])
@pytest.mark.parametrize("scale", [2.0, 0.7])
def test_quantize_and_dequantize(apply, dtype, zero, scale, rng):
    x = np.concatenate([rng.normal(size=60) * 100, np.arange(-20, 20) * scale / 2]).astype(np.float32).reshape(10, 10)
    assert_equal(apply("QuantizeLinear", x, np.float32(scale), np.asarray(zero, dtype), constant=(1, 2)))
    assert_equal(
        apply("DequantizeLinear", draw(rng, dtype, 5, 7), np.float32(scale), np.asarray(zero, dtype), constant=(1, 2))
    )


def test_scales_of_columns(apply, rng):
    scales = rng.uniform(0.1, 2, 7).astype(np.float32)
    assert_equal(
        apply("DequantizeLinear", draw(rng, "int8", 5, 7), scales, np.arange(7, dtype=np.int8), constant=(1, 2), axis=1)
    )
    x = (rng.normal(size=(5, 7)) * 50).astype(np.float32)
    assert_equal(apply("QuantizeLinear", x, scales, np.zeros(7, np.int8), constant=(1, 2), axis=1))


def test_a_chain_of_integers(graph, run, rng):
    """QuantizeLinear, MatMulInteger, Cast and Mul: what dynamic quantisation makes, with fixed scales."""
    g = graph()
    x, w = rng.normal(size=(6, 32)).astype(np.float32), draw(rng, "int8", 32, 16)
    quantised = g.node(
        "QuantizeLinear",
        [g.input("x", x.shape), g.constant(np.float32(0.03)), g.constant(np.uint8(128))],
        x.shape,
        dtype=np.uint8,
    )
    total = g.node("MatMulInteger", [quantised, g.constant(w), g.constant(np.uint8(128))], [6, 16], dtype=np.int32)
    real = g.node("Mul", [g.node("Cast", [total], [6, 16], to=1), g.constant(np.float32(0.03 * 0.01))], [6, 16])
    outcome = run(g.model(real), {"x": x})
    assert not outcome.reasons
    assert outcome.error < 1e-4


def test_reasons(apply, rng):
    x = rng.normal(size=(2, 3, 4)).astype(np.float32)
    outcome = apply("QuantizeLinear", x, np.ones(3, np.float32), constant=(1,), axis=1)
    assert outcome.reasons == ["it has scales along an axis that is not the last"]
    outcome = apply("QuantizeLinear", x, np.float32(0), constant=(1,))
    assert outcome.reasons == ["it has a scale that is not above 0"]
