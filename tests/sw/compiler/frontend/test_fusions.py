"""Norms, GELU, linear layers, pooling: each spelling becomes the operator, and what only looks like it stays."""

import math

import numpy as np
import pytest

ONE = np.float32(1)
HALF = np.float32(0.5)


CENTRED = {
    "once": "m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) e = Identity(d)",
    "twice": "m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) e = Sub(x, m)",
}
SQUARE = {"pow": "s = Pow(e, two)", "mul": "s = Mul(e, e)"}
UNIT = {
    "div": "r = Sqrt(ve) n = Div(d, r)",
    "reciprocal": "r = Sqrt(ve) i = Reciprocal(r) n = Mul(i, d)",
    "one over": "r = Sqrt(ve) i = Div(one, r) n = Mul(d, i)",
    "power": "i = Pow(ve, minus_half) n = Mul(d, i)",
}
AFFINE = {
    "both": "g = Mul(n, gain) y = Add(bias, g)",
    "gain": "y = Mul(gain, n)",
    "none": "y = Identity(n)",
}
NUMBERS = {"two": np.float32(2), "one": ONE, "minus_half": np.float32(-0.5), "epsilon": np.float32(1e-3)}


@pytest.mark.parametrize("affine", AFFINE)
@pytest.mark.parametrize("unit", UNIT)
@pytest.mark.parametrize("square", SQUARE)
@pytest.mark.parametrize("centred", CENTRED)
def test_layer_norm_in_pieces(text_model, canonical, centred, square, unit, affine, draw):
    variance = "v = ReduceMean<axes = [-1]>(s) ve = Add(v, epsilon)"
    body = f"{CENTRED[centred]} {SQUARE[square]} {variance} {UNIT[unit]} {AFFINE[affine]}"
    gain, bias = draw(8), draw(1, 1, 8)
    model = text_model("float[2,3,8] x", "float[2,3,8] y", body, opset=17, gain=gain, bias=bias, **NUMBERS)
    found = canonical(model, {"x": draw(2, 3, 8)})
    assert found.operators == {".LayerNorm": 1}
    assert found.attribute("LayerNorm", "epsilon") == pytest.approx(1e-3)
    node = found.one("LayerNorm")
    np.testing.assert_array_equal(node.inputs[1].const_value.numpy(), np.ones(8) if affine == "none" else gain)
    np.testing.assert_array_equal(node.inputs[2].const_value.numpy(), bias.ravel() if affine == "both" else np.zeros(8))


@pytest.mark.parametrize("opset", [13, 17, 18, 23])
def test_layer_norm_in_pieces_of_any_operator_set(text_model, canonical, opset, draw):
    mean = "ReduceMean<axes = [-1]>({})" if opset < 18 else "ReduceMean({}, last)"
    body = f"m = {mean.format('x')} d = Sub(x, m) s = Mul(d, d) v = {mean.format('s')} ve = Add(v, epsilon) "
    body += "r = Sqrt(ve) n = Div(d, r) g = Mul(n, gain) y = Add(g, bias)"
    numbers = {"epsilon": np.float32(1e-3), "gain": draw(8), "bias": draw(8), "last": np.array([-1])}
    found = canonical(text_model("float[4,8] x", "float[4,8] y", body, opset, **numbers), {"x": draw(4, 8)})
    assert found.operators == {".LayerNorm": 1}


@pytest.mark.parametrize(("axis", "operator"), [(-1, ".LayerNorm"), (2, ".LayerNorm"), (1, "LayerNormalization")])
def test_the_standard_layer_norm(text_model, canonical, axis, operator, draw):
    size = 8 if axis != 1 else (3, 8)
    model = text_model(
        "float[2,3,8] x",
        "float[2,3,8] y",
        f"y = LayerNormalization<axis = {axis}, epsilon = 0.001>(x, g, b)",
        g=draw(*np.atleast_1d(size)),
        b=draw(*np.atleast_1d(size)),
    )
    assert canonical(model, {"x": draw(2, 3, 8)}).operators == {operator: 1}


def test_a_layer_norm_whose_statistics_are_read_stays(text_model, canonical, draw):
    body = "y, mean, deviation = LayerNormalization(x, g)"
    model = text_model("float[2,8] x", "float[2,8] y, float[2,1] mean, float[2,1] deviation", body, g=draw(8))
    assert canonical(model, {"x": draw(2, 8)}).operators == {"LayerNormalization": 1}


def test_a_norm_over_another_axis_stays(text_model, canonical, draw):
    body = (
        "m = ReduceMean<axes = [0]>(x) d = Sub(x, m) s = Mul(d, d) v = ReduceMean<axes = [0]>(s) ve = Add(v, epsilon)"
    )
    model = text_model(
        "float[4,8] x", "float[4,8] y", f"{body} r = Sqrt(ve) y = Div(d, r)", 17, epsilon=np.float32(0.1)
    )
    assert not any(name.startswith(".") for name in canonical(model, {"x": draw(4, 8)}).operators)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("unit", UNIT)
def test_rms_norm_in_pieces(text_model, canonical, unit, bias, draw):
    rooted = UNIT[unit].replace("(d,", "(x,").replace(", d)", ", x)")
    body = f"s = Mul(x, x) v = ReduceMean<axes = [-1]>(s) ve = Add(v, epsilon) {rooted} "
    body += "g = Mul(n, gain) y = Add(g, bias)" if bias else "y = Mul(gain, n)"
    model = text_model("float[3,8] x", "float[3,8] y", body, 17, gain=draw(8), bias=draw(8), **NUMBERS)
    found = canonical(model, {"x": draw(3, 8)})
    assert found.operators == {".RmsNorm": 1, **({"Add": 1} if bias else {})}
    assert found.attribute("RmsNorm", "epsilon") == pytest.approx(1e-3)


def test_the_standard_rms_norm(text_model, canonical, draw):
    model = text_model(
        "float[3,8] x", "float[3,8] y", "y = RMSNormalization<axis = -1, epsilon = 0.01>(x, g)", 23, g=draw(8)
    )
    assert canonical(model, {"x": draw(3, 8)}).operators == {".RmsNorm": 1}


L2 = {
    "clip": ("n = ReduceL2<axes = [-1]>(x) b = Clip(n, tiny) y = Div(x, b)", 1e-6),
    "max": ("n = ReduceL2<axes = [-1]>(x) b = Max(tiny, n) y = Div(x, b)", 1e-6),
    "plain": ("n = ReduceL2<axes = [-1]>(x) y = Div(x, n)", 0.0),
    "root": ("s = Mul(x, x) t = ReduceSum(s, last) n = Sqrt(t) y = Div(x, n)", 0.0),
    "expanded": ("n = ReduceL2<axes = [-1]>(x) b = Clip(n, tiny) e = Expand(b, shape) y = Div(x, e)", 1e-6),
    "operator": ("y = LpNormalization<axis = -1, p = 2>(x)", 1e-12),
}


@pytest.mark.parametrize("spelling", L2)
def test_l2_norm(text_model, canonical, spelling, draw):
    body, epsilon = L2[spelling]
    numbers = {"tiny": np.float32(1e-6), "last": np.array([-1]), "shape": np.array([3, 8])}
    found = canonical(text_model("float[3,8] x", "float[3,8] y", body, 17, **numbers), {"x": draw(3, 8)})
    assert found.operators == {".L2Norm": 1}
    assert found.attribute("L2Norm", "epsilon") == pytest.approx(epsilon)


@pytest.mark.parametrize(
    "body",
    [
        "n = ReduceL2<axes = [0]>(x) y = Div(x, n)",
        "z = Relu(x) n = ReduceL2<axes = [-1]>(z) y = Div(x, n)",
        "n = ReduceL2<axes = [-1]>(x) y = Div(n, x)",
        "y = LpNormalization<axis = -1, p = 1>(x)",
    ],
)
def test_what_only_looks_like_an_l2_norm_stays(text_model, canonical, body, draw):
    model = text_model("float[3,8] x", "float[3,8] y", body, 17)
    assert ".L2Norm" not in canonical(model, {"x": draw(3, 8)}).operators


GELU = {
    "torch": "d = Div(x, root) e = Erf(d) g = Add(e, one) h = Mul(half, g) y = Mul(x, h)",
    "half x": "d = Mul(x, inverse) e = Erf(d) g = Add(one, e) h = Mul(half, x) y = Mul(h, g)",
    "half last": "d = Div(x, root) e = Erf(d) g = Add(e, one) h = Mul(x, g) y = Mul(h, half)",
    "half inside": "d = Div(x, root) e = Erf(d) p = Mul(e, half) g = Add(p, half) y = Mul(x, g)",
    "halved": "d = Div(x, root) e = Erf(d) g = Add(e, one) h = Mul(x, g) y = Div(h, two)",
}
TANH = {
    "pow": "c = Pow(x, three) b = Mul(c, cubic) s = Add(x, b) i = Mul(s, factor) t = Tanh(i) g = Add(t, one) "
    "h = Mul(x, half) y = Mul(h, g)",
    "mul": "q = Mul(x, x) c = Mul(x, q) b = Mul(cubic, c) s = Add(x, b) i = Mul(factor, s) t = Tanh(i) "
    "g = Add(one, t) h = Mul(g, x) y = Mul(half, h)",
    "horner": "q = Mul(x, x) b = Mul(cubic, q) s = Add(one, b) f = Mul(x, factor) i = Mul(f, s) t = Tanh(i) "
    "g = Add(t, one) h = Mul(half, g) y = Mul(x, h)",
}
CONSTANTS = {
    "root": np.float32(math.sqrt(2)),
    "inverse": np.float32(1 / math.sqrt(2)),
    "one": ONE,
    "half": HALF,
    "two": np.float32(2),
    "three": np.float32(3),
    "cubic": np.float32(0.044715),
    "factor": np.float32(math.sqrt(2 / math.pi)),
}


@pytest.mark.parametrize("opset", [13, 20])
@pytest.mark.parametrize("spelling", [*GELU, *TANH])
def test_gelu_in_pieces(text_model, canonical, spelling, opset, draw):
    body = GELU[spelling] if spelling in GELU else TANH[spelling]
    body = "x = Mul(z, two) " + body  # a product in front, as of a scaled layer, is not part of it
    model = text_model("float[3,8] z", "float[3,8] y", body, opset, **CONSTANTS)
    found = canonical(model, {"z": draw(3, 8)})
    assert found.operators == {"Mul": 1, ".Gelu": 1}
    assert found.attribute("Gelu", "approximate") == ("none" if spelling in GELU else "tanh")


@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_the_standard_gelu(text_model, canonical, approximate, draw):
    model = text_model("float[3,8] x", "float[3,8] y", f'y = Gelu<approximate = "{approximate}">(x)', 20)
    found = canonical(model, {"x": draw(3, 8)})
    assert found.operators == {".Gelu": 1}
    assert found.attribute("Gelu", "approximate") == approximate


@pytest.mark.parametrize(
    "body",
    [
        "d = Div(x, two) e = Erf(d) g = Add(e, one) h = Mul(half, g) y = Mul(x, h)",
        "d = Div(x, root) e = Erf(d) g = Add(e, one) h = Mul(x, g) y = Mul(h, two)",
        "d = Div(x, root) e = Erf(d) g = Add(e, one) h = Mul(half, g) y = Mul(z, h)",
    ],
)
def test_what_only_looks_like_gelu_stays(text_model, canonical, body, draw):
    model = text_model("float[3,8] x, float[3,8] z", "float[3,8] y", body, **CONSTANTS)
    assert ".Gelu" not in canonical(model, {"x": draw(3, 8), "z": draw(3, 8)}).operators


@pytest.mark.parametrize(
    ("body", "bias"),
    [
        ("y = MatMul(x, w)", False),
        ("p = MatMul(x, w) y = Add(p, b)", True),
        ("p = MatMul(x, w) y = Add(b, p)", True),
        ("p = MatMul(x, w) y = Add(p, one)", True),
        ("t = Transpose<perm = [1, 0]>(wt) p = MatMul(x, t) y = Add(p, b)", True),
        ("y = Gemm(x, w)", False),
        ("y = Gemm(x, w, b)", True),
        ("y = Gemm<alpha = 0.5, beta = 2.0>(x, w, b)", True),
        ("y = Gemm<transB = 1>(x, wt, b)", True),
        ("y = Gemm<transB = 1, alpha = 0.25>(x, wt, one)", True),
    ],
)
def test_linear(text_model, canonical, body, bias, draw):
    weight = draw(8, 5)
    model = text_model("float[3,8] x", "float[3,5] y", body, w=weight, wt=weight.T.copy(), b=draw(5), one=ONE)
    found = canonical(model, {"x": draw(3, 8)})
    assert found.operators == {".Linear": 1}
    node = found.one("Linear")
    assert node.inputs[1].const_value.numpy().shape == (5, 8)
    assert len(node.inputs) == 2 + bias
    assert not bias or node.inputs[2].const_value.numpy().shape == (5,)


def test_linear_with_a_sum_that_is_no_bias(text_model, canonical, draw):
    body = "p = MatMul(x, w) q = Add(p, rows) y = Gemm<beta = 2.0>(q, v, z)"
    model = text_model("float[3,8] x, float[3,4] z", "float[3,4] y", body, w=draw(8, 5), v=draw(5, 4), rows=draw(3, 5))
    found = canonical(model, {"x": draw(3, 8), "z": draw(3, 4)})
    assert found.operators == {".Linear": 2, "Add": 2, "Mul": 1}


def test_a_product_that_is_read_twice_keeps_its_sum(text_model, canonical, draw):
    model = text_model(
        "float[3,8] x", "float[3,5] y, float[3,5] p", "p = MatMul(x, w) y = Add(p, b)", w=draw(8, 5), b=draw(5)
    )
    assert canonical(model, {"x": draw(3, 8)}).operators == {".Linear": 1, "Add": 1}


def test_linear_layers_share_a_weight(text_model, canonical, draw):
    model = text_model("float[3,8] x", "float[3,8] y", "p = MatMul(x, w) r = Relu(p) y = MatMul(r, w)", w=draw(8, 8))
    found = canonical(model, {"x": draw(3, 8)})
    first, second = [node for node in found.nodes if node.op_type == "Linear"]
    assert first.inputs[1] is second.inputs[1]


def test_products_of_activations_and_with_a_constant_in_front_stay(text_model, canonical, draw):
    model = text_model("float[8,8] x", "float[8,8] y", "p = MatMul(x, x) y = MatMul(a, p)", a=draw(8, 8))
    assert canonical(model, {"x": draw(8, 8)}).operators == {"MatMul": 2}


POOL = {
    "torch": "u = Unsqueeze(mask, last) f = Cast<to = 1>(u) k = Mul(x, f) s = ReduceSum<keepdims = 0>(k, one) "
    "n = ReduceSum<keepdims = 0>(f, one) y = Div(s, n)",
    "bounded": "u = Unsqueeze(mask, last) f = Cast<to = 1>(u) e = Expand(f, shape) k = Mul(e, x) "
    "s = ReduceSum<keepdims = 0>(k, one) t = ReduceSum<keepdims = 0>(e, one) n = Clip(t, tiny) y = Div(s, n)",
    "early": "c = Cast<to = 1>(mask) t = ReduceSum<keepdims = 1>(c, one) n = Max(t, tiny) f = Unsqueeze(c, last) "
    "k = Mul(x, f) s = ReduceSum<keepdims = 0>(k, one) y = Div(s, n)",
    "axis kept": "u = Unsqueeze(mask, last) f = Cast<to = 1>(u) k = Mul(x, f) s = ReduceSum<keepdims = 1>(k, one) "
    "n = ReduceSum<keepdims = 1>(f, one) d = Div(s, n) y = Squeeze(d, one)",
}


@pytest.mark.parametrize("kind", ["int64", "bool", "float"])
@pytest.mark.parametrize("spelling", POOL)
def test_mean_pool(text_model, canonical, spelling, kind, draw):
    numbers = {"last": np.array([-1]), "one": np.array([1]), "shape": np.array([2, 5, 8]), "tiny": np.float32(1e-9)}
    model = text_model(f"float[2,5,8] x, {kind}[2,5] mask", "float[2,8] y", POOL[spelling], **numbers)
    mask = (np.arange(5) < np.array([[5], [2]])).astype({"int64": np.int64, "bool": bool, "float": np.float32}[kind])
    found = canonical(model, {"x": draw(2, 5, 8), "mask": mask})
    assert found.operators == {".MeanPool": 1}
    assert found.one("MeanPool").inputs[1].name == "mask"


@pytest.mark.parametrize(
    "body",
    [
        "c = Cast<to = 1>(mask) f = Unsqueeze(c, last) k = Mul(x, f) s = ReduceSum<keepdims = 0>(k, one) "
        "y = Div(s, five)",
        "c = Cast<to = 1>(mask) d = Mul(c, five) f = Unsqueeze(d, last) k = Mul(x, f) "
        "s = ReduceSum<keepdims = 0>(k, one) n = ReduceSum<keepdims = 1>(d, one) y = Div(s, n)",
    ],
)
def test_what_only_looks_like_a_mean_stays(text_model, canonical, body, draw):
    numbers = {"last": np.array([-1]), "one": np.array([1]), "five": np.float32(5)}
    model = text_model("float[2,5,8] x, int64[2,5] mask", "float[2,8] y", body, **numbers)
    feed = {"x": draw(2, 5, 8), "mask": np.ones((2, 5), np.int64)}
    assert ".MeanPool" not in canonical(model, feed).operators


def test_constants_that_are_added_one_after_another_become_one(text_model, canonical, draw):
    body = "p = Add(x, a) q = Add(b, p) r = Relu(q) s = Add(r, a) y = Add(s, z)"
    model = text_model("float[3,8] x, float[3,8] z", "float[3,8] y", body, a=draw(8), b=draw(3, 1))
    found = canonical(model, {"x": draw(3, 8), "z": draw(3, 8)})
    assert found.operators == {"Add": 3, "Relu": 1}


def test_a_sum_that_is_read_twice_stays(text_model, canonical, draw):
    model = text_model("float[8] x", "float[8] y, float[8] p", "p = Add(x, a) y = Add(p, b)", a=draw(8), b=draw(8))
    assert canonical(model, {"x": draw(8)}).operators == {"Add": 2}


LINEAR_VIEWS = {
    "turned rows": ("a = Transpose<perm = [1, 0, 2]>(x) y = MatMul(a, w)", "float[3,2,5] y", ("Linear", "Transpose")),
    "joined rows": ("a = Reshape(x, rows) y = MatMul(a, w)", "float[6,5] y", ("Linear", "Reshape")),
    "other rows": ("a = Transpose<perm = [0, 2, 1]>(x) y = MatMul(a, v)", "float[2,8,5] y", ("Transpose", "Linear")),
    "rows cut": ("a = Reshape(x, halves) y = MatMul(a, h)", "float[2,6,5] y", ("Reshape", "Linear")),
    "joined and turned": (
        "a = Transpose<perm = [1, 0, 2]>(x) b = Reshape(a, rows) c = MatMul(b, w) y = Reshape(c, apart)",
        "float[3,2,5] y",
        ("Linear", "Transpose"),
    ),
}


@pytest.mark.parametrize("case", LINEAR_VIEWS)
def test_views_move_behind_linear_layers(text_model, canonical, case, draw):
    body, output, order = LINEAR_VIEWS[case]
    numbers = {"rows": np.array([6, 8]), "halves": np.array([2, 6, 4]), "apart": np.array([3, 2, 5])}
    weights = {"w": draw(8, 5), "v": draw(3, 5), "h": draw(4, 5)}
    found = canonical(text_model("float[2,3,8] x", output, body, **numbers, **weights), {"x": draw(2, 3, 8)})
    assert tuple(node.op_type for node in found.nodes) == order
