"""Attention in the spellings of exporters, and as the operators of ONNX and onnxruntime; what is no mask stays."""

import numpy as np
import onnx
import pytest
from onnx import helper

BATCH, HEADS, TOKENS, DEPTH = 2, 3, 6, 4
WIDTH = HEADS * DEPTH
SHAPE = f"float[{BATCH},{TOKENS},{WIDTH}]"
CONSTANTS = {
    "split": np.array([0, 0, HEADS, DEPTH]),
    "joined": np.array([0, 0, WIDTH]),
    "scale": np.float32(0.4),
    "root": np.float32(0.5),
    "divisor": np.float32(2.5),
    "one": np.float32(1),
    "zero": np.float32(0),
    "far": np.float32(-1e9),
    "infinity": np.float32(-np.inf),
    "lowest": np.float32(np.finfo(np.float32).min),
    "ten_thousand": np.float32(-10000),
    "outer": np.array([1, 2]),
    "front": np.array([1]),
    "tri": np.where(np.tri(TOKENS, dtype=bool), 0, -np.inf).astype(np.float32),
    "seen": np.tri(TOKENS, dtype=bool),
    "wide": np.array([BATCH, HEADS, TOKENS, TOKENS]),
    "middle": np.array([BATCH, 1, TOKENS, TOKENS]),
}
SPLIT = " ".join(
    f"{name}s = Reshape({name}, split) {name}h = Transpose<perm = [0, 2, {order}]>({name}s)"
    for name, order in (("q", "1, 3"), ("k", "3, 1"), ("v", "1, 3"))
)
JOIN = "m = MatMul(p, vh) t = Transpose<perm = [0, 2, 1, 3]>(m) y = Reshape(t, joined)"
SCALES = {
    "none": ("r = MatMul(qh, kh)", 1.0),
    "scores": ("u = MatMul(qh, kh) r = Mul(u, scale)", 0.4),
    "divided": ("u = MatMul(qh, kh) r = Div(u, divisor)", 0.4),
    "q": ("qx = Mul(scale, qh) r = MatMul(qx, kh)", 0.4),
    "both": ("qx = Mul(qh, root) kx = Mul(kh, root) r = MatMul(qx, kx)", 0.25),
}
FLAGS = "w = Unsqueeze(mask, outer)"
BERT = "f = Cast<to = 1>(mask) i = Sub(one, f) w = Unsqueeze(i, outer)"
MASKS = {
    # name: (from scores r to the input of softmax, kind of mask, causal, where true is attended to)
    "none": ("s = Identity(r)", None, 0, True),
    "bert": (f"{BERT} b = Mul(w, ten_thousand) s = Add(r, b)", "int64", 0, True),
    "bert lowest": (f"{BERT} b = Mul(w, lowest) s = Add(b, r)", "int64", 0, True),
    "fill where padded": ("w = Unsqueeze(mask, outer) s = Where(w, infinity, r)", "bool", 0, False),
    "keep where attended": ("w = Unsqueeze(mask, outer) s = Where(w, r, far)", "bool", 0, True),
    "added where": (f"{FLAGS} b = Where(w, zero, far) e = Expand(b, middle) s = Add(r, e)", "bool", 0, True),
    "causal": ("s = Add(r, tri)", None, 1, True),
    "causal where": ("s = Where(seen, r, lowest)", None, 1, True),
    "both": (f"{BERT} b = Mul(w, far) c = Add(b, tri) s = Add(r, c)", "int64", 1, True),
    "both as flags": ("w = Unsqueeze(mask, outer) a = And(w, seen) s = Where(a, r, infinity)", "bool", 1, True),
    "two sums": ("w = Unsqueeze(mask, outer) b = Where(w, far, zero) c = Add(r, tri) s = Add(c, b)", "bool", 1, False),
}


def feed(draw, kind=None, attended=True):
    inputs = {name: draw(BATCH, TOKENS, WIDTH) for name in "qkv"}
    if kind is not None:
        kept = np.arange(TOKENS) < np.array([[TOKENS], [3]])
        inputs["mask"] = (kept if attended else ~kept).astype(np.int64 if kind == "int64" else bool)
    return inputs


def model_of(text_model, scale, mask, kind, guard="p = Softmax<axis = -1>(s)", opset=18):
    inputs = ", ".join(f"{SHAPE} {name}" for name in "qkv")
    inputs += f", {kind}[{BATCH},{TOKENS}] mask" if kind else ""
    return text_model(inputs, f"{SHAPE} y", f"{SPLIT} {scale} {mask} {guard} {JOIN}", opset, **CONSTANTS)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("scale", SCALES)
def test_attention_in_pieces(text_model, canonical, scale, mask, draw):
    pieces, kind, causal, attended = MASKS[mask]
    found = canonical(model_of(text_model, SCALES[scale][0], pieces, kind), feed(draw, kind, attended))
    extra = {"Cast": 1} if kind == "int64" else {} if attended else {"Not": 1}
    assert found.operators == {".Attention": 1, **extra}
    assert found.attribute("Attention", "heads") == HEADS
    assert found.attribute("Attention", "causal") == causal
    assert found.attribute("Attention", "scale") == pytest.approx(SCALES[scale][1])
    assert [value.name for value in found.one("Attention").inputs[:3]] == ["q", "k", "v"]


@pytest.mark.parametrize("opset", [13, 20, 23, onnx.defs.onnx_opset_version()])
def test_attention_of_any_operator_set(text_model, canonical, opset, draw):
    found = canonical(
        model_of(text_model, SCALES["both"][0], MASKS["both"][0], "int64", opset=opset), feed(draw, "int64")
    )
    assert found.operators == {".Attention": 1, "Cast": 1}


def test_a_guard_against_rows_without_keys(text_model, canonical, draw):
    guard = "o = Softmax<axis = -1>(s) n = IsNaN(o) p = Where(n, zero, o)"
    found = canonical(model_of(text_model, SCALES["scores"][0], MASKS["bert"][0], "int64", guard), feed(draw, "int64"))
    assert found.operators == {".Attention": 1, "Cast": 1}


NO_MASK = {
    "a small penalty": "w = Unsqueeze(mask, outer) b = Where(w, zero, one) s = Add(r, b)",
    "scores that become 0": "w = Unsqueeze(mask, outer) s = Where(w, r, zero)",
    "a bias of positions": "s = Add(r, bias)",
    "a window": "s = Where(window, r, infinity)",
    "each head its own": "s = Where(heads, r, infinity)",
    "a mask of queries": "c = Unsqueeze(mask, column) s = Where(c, r, infinity)",
}


@pytest.mark.parametrize("mask", NO_MASK)
def test_what_is_no_mask_stays_in_pieces(text_model, canonical, mask, draw):
    inputs = ", ".join(f"{SHAPE} {name}" for name in "qkv") + f", bool[{BATCH},{TOKENS}] mask"
    body = f"{SPLIT} {SCALES['scores'][0]} {NO_MASK[mask]} p = Softmax<axis = -1>(s) {JOIN}"
    band = np.abs(np.subtract.outer(np.arange(TOKENS), np.arange(TOKENS))) < 2
    constants = {
        **CONSTANTS,
        "bias": draw(TOKENS, TOKENS),
        "window": band,
        "heads": np.arange(TOKENS) < np.array([2, 4, 6]).reshape(HEADS, 1, 1),
        "column": np.array([1, 3]),
    }
    inputs = text_model(inputs, f"{SHAPE} y", body, **constants)
    kept = np.ones((BATCH, TOKENS), bool)
    found = canonical(inputs, {**feed(draw), "mask": kept}).operators
    assert ".Attention" not in found
    assert found["MatMul"] == 2
    assert found["Softmax"] == 1


def test_weights_that_the_outside_reads_stay(text_model, canonical, draw):
    inputs = ", ".join(f"{SHAPE} {name}" for name in "qkv")
    body = f"{SPLIT} {SCALES['scores'][0]} p = Softmax<axis = -1>(r) {JOIN}"
    outputs = f"{SHAPE} y, float[{BATCH},{HEADS},{TOKENS},{TOKENS}] p"
    assert ".Attention" not in canonical(text_model(inputs, outputs, body, **CONSTANTS), feed(draw)).operators


def test_attention_of_one_matrix_each(text_model, canonical, draw):
    body = "t = Transpose<perm = [1, 0]>(k) r = MatMul(q, t) s = Mul(r, scale) p = Softmax<axis = -1>(s) "
    body += "y = MatMul(p, v)"
    model = text_model("float[5,8] q, float[7,8] k, float[7,8] v", "float[5,8] y", body, scale=np.float32(0.3))
    found = canonical(model, {"q": draw(5, 8), "k": draw(7, 8), "v": draw(7, 8)})
    assert found.operators == {"Reshape": 4, ".Attention": 1}
    assert found.attribute("Attention", "heads") == 1


def test_heads_in_the_batch(text_model, canonical, draw):
    """[tokens, batch * heads, depth], as PyTorch's multi-head attention had them in its first exporter."""
    split = " ".join(
        f"{name}s = Reshape({name}, shape) {name}h = Transpose<perm = [1, {order}]>({name}s)"
        for name, order in (("q", "0, 2"), ("k", "2, 0"), ("v", "0, 2"))
    )
    body = f"{split} r = MatMul(qh, kh) s = Mul(r, scale) p = Softmax<axis = -1>(s) m = MatMul(p, vh) "
    body += "t = Transpose<perm = [1, 0, 2]>(m) y = Reshape(t, back)"
    kind = f"float[{TOKENS},{BATCH},{WIDTH}]"
    model = text_model(
        ", ".join(f"{kind} {name}" for name in "qkv"),
        f"{kind} y",
        body,
        shape=np.array([TOKENS, BATCH * HEADS, DEPTH]),
        back=np.array([TOKENS, BATCH, WIDTH]),
        scale=np.float32(0.3),
    )
    found = canonical(model, {name: draw(TOKENS, BATCH, WIDTH) for name in "qkv"})
    assert found.operators[".Attention"] == 1
    assert "Softmax" not in found.operators
    assert found.attribute("Attention", "heads") == HEADS


def standard(q, k, v, output, opset=23, mask=None, functions=(), **attributes):
    """The operator alone in a model."""
    names = ["q", "k", "v", *(["mask"] if mask is not None else [])]
    arrays = [q, k, v, *([mask] if mask is not None else [])]
    node = helper.make_node("Attention", names, ["y"], name="node", **attributes)
    graph = helper.make_graph(
        [node],
        "test",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in zip(names, arrays, strict=True)
        ],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, output)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return model, dict(zip(names, arrays, strict=True))


@pytest.mark.parametrize("opset", [23, 24, onnx.defs.onnx_opset_version()])
@pytest.mark.parametrize("causal", [0, 1])
def test_the_standard_attention_of_three_axes(canonical, opset, causal, draw):
    q, k, v = [draw(BATCH, TOKENS, WIDTH) for _ in "qkv"]
    numbers = {"q_num_heads": HEADS, "kv_num_heads": HEADS, "is_causal": causal}
    model, inputs = standard(q, k, v, q.shape, opset, **numbers)
    found = canonical(model, inputs)
    assert found.operators == {".Attention": 1}
    assert found.attribute("Attention", "causal") == causal
    assert found.attribute("Attention", "scale") == pytest.approx(DEPTH**-0.5)


@pytest.mark.parametrize("kind", [bool, np.float32])
def test_the_standard_attention_of_four_axes_with_a_constant_mask(canonical, kind, draw):
    q, k, v = [draw(BATCH, HEADS, TOKENS, DEPTH) for _ in "qkv"]
    mask = np.tri(TOKENS, dtype=bool) if kind is bool else CONSTANTS["tri"]
    model, inputs = standard(q, k, v, q.shape, mask=mask, scale=0.2)
    model.graph.initializer.append(onnx.numpy_helper.from_array(inputs.pop("mask"), "mask"))
    del model.graph.input[3]
    found = canonical(model, inputs)
    assert found.operators == {"Transpose": 4, "Reshape": 4, ".Attention": 1}
    assert found.attribute("Attention", "causal") == 1
    assert found.attribute("Attention", "scale") == pytest.approx(0.2)


def test_heads_that_share_keys_are_written_out(canonical, draw):
    q, k, v = draw(BATCH, TOKENS, 4 * DEPTH), draw(BATCH, TOKENS, 2 * DEPTH), draw(BATCH, TOKENS, 2 * DEPTH)
    model, inputs = standard(q, k, v, q.shape, q_num_heads=4, kv_num_heads=2)
    found = canonical(model, inputs)
    assert found.operators[".Attention"] == 1
    assert found.operators["Expand"] == 2
    assert "Attention" not in found.operators


def test_a_standard_attention_that_ours_cannot_be_goes_into_pieces(canonical, draw):
    q, k, v = [draw(BATCH, HEADS, TOKENS, DEPTH) for _ in "qkv"]
    model, inputs = standard(q, k, v, q.shape, softcap=2.0)
    found = canonical(model, inputs).operators
    assert ".Attention" not in found
    assert found["Softmax"] == 1


def contrib(op_type, names, arrays, constants, output, **attributes):
    node = helper.make_node(op_type, names, ["y"], name="node", domain="com.microsoft", **attributes)
    graph = helper.make_graph(
        [node],
        "test",
        [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
            for name, array in arrays.items()
        ],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, output)],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


@pytest.mark.parametrize("causal", [0, 1])
def test_multi_head_attention_of_onnxruntime(canonical, causal, draw):
    arrays = {name: draw(BATCH, TOKENS, WIDTH) for name in "qkv"}
    arrays["mask"] = (np.arange(TOKENS) < np.array([[TOKENS], [4]])).astype(np.int32)
    constants = {"bias": draw(3 * WIDTH)}
    names = ["q", "k", "v", "bias", "mask"]
    output = [BATCH, TOKENS, WIDTH]
    model = contrib("MultiHeadAttention", names, arrays, constants, output, num_heads=HEADS, unidirectional=causal)
    found = canonical(model, arrays)
    assert found.operators == {"Add": 3, "Cast": 1, ".Attention": 1}
    assert found.attribute("Attention", "causal") == causal


def test_packed_attention_of_onnxruntime(canonical, draw):
    arrays = {"x": draw(BATCH, TOKENS, 10)}
    arrays["mask"] = (np.arange(TOKENS) < np.array([[TOKENS], [4]])).astype(np.int32)
    constants = {"weight": draw(10, 3 * WIDTH), "bias": draw(3 * WIDTH)}
    names = ["x", "weight", "bias", "mask"]
    model = contrib("Attention", names, arrays, constants, [BATCH, TOKENS, WIDTH], num_heads=HEADS)
    assert canonical(model, arrays).operators == {".Linear": 3, "Cast": 1, ".Attention": 1}


def test_shapes_behind_an_operator_of_onnxruntime(text_model, canonical, draw):
    model = text_model(
        "float[2,3,3] x",
        "float[2,3,3] y",
        "f = com.microsoft.Inverse(x) y = Relu(f)",
        domains=', "com.microsoft": 1',
    )
    found = canonical(model, {"x": draw(2, 3, 3) + 4 * np.eye(3, dtype=np.float32)})
    assert found.operators == {"Inverse": 1, "Relu": 1}
    assert list(found.one("Inverse").outputs[0].shape) == [2, 3, 3]
