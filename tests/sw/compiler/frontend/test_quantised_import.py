"""Models that onnxruntime's tools quantised: ranges and integer weights are read, the pairs of nodes go."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from gatewright.compiler.load import read_model
from gatewright.compiler.passes import run
from gatewright.compiler.passes.quantised import QUANTISED, RANGE, ImportQuantised

torch = pytest.importorskip("torch")
quantization = pytest.importorskip("onnxruntime.quantization")

KINDS = {"int8": quantization.QuantType.QInt8, "uint8": quantization.QuantType.QUInt8}


class Reader(quantization.CalibrationDataReader):
    def __init__(self, feeds):
        self.feeds = iter(feeds)

    def get_next(self):
        return next(self.feeds, None)


@pytest.fixture
def quantise(tmp_path):
    """Write a model and quantise it as users do."""

    def make(model, feeds, kind, per_channel):
        onnx.save(model, tmp_path / "float.onnx")
        quantization.quantize_static(
            tmp_path / "float.onnx",
            tmp_path / "int8.onnx",
            Reader(feeds),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=KINDS[kind],
            weight_type=quantization.QuantType.QInt8,
            per_channel=per_channel,
        )
        return onnx.load(tmp_path / "int8.onnx")

    return make


def linears(model):
    return [node for node in model.graph if node.op_type == "Linear"]


def check_weights(model, per_channel):
    for node in linears(model):
        weight = node.inputs[1]
        integers, scale, axis = weight.meta[QUANTISED]
        assert integers.dtype == np.int8
        assert axis == (0 if per_channel else None)
        assert scale.size == (integers.shape[0] if per_channel else 1)
        real = integers * (scale.reshape(-1, 1) if per_channel else scale)
        np.testing.assert_allclose(weight.const_value.numpy(), real, rtol=1e-6)


def execute(model, feed):
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, feed)[0]


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_mlp(export, quantise, kind, per_channel, rng):
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(20, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.Tanh(), torch.nn.Linear(32, 5)
    )
    feeds = [{"x": rng.normal(size=(8, 20)).astype(np.float32)} for _ in range(8)]
    proto = quantise(export(module, {"x": torch.randn(8, 20)}), feeds, kind, per_channel)
    assert "QuantizeLinear" in {node.op_type for node in proto.graph.node}
    model = read_model(proto)
    run(model)
    assert [node.op_type for node in model.graph] == ["Linear", "Relu", "Linear", "Tanh", "Linear"]
    check_weights(model, per_channel)
    ranges = {}
    for value in [*model.graph.inputs, *(node.outputs[0] for node in model.graph)]:
        if RANGE in value.metadata_props:
            low, high = map(float, value.metadata_props[RANGE].split(","))
            assert low <= 0 < high
            ranges[value.name] = high - low
    assert "x" in ranges
    assert len(ranges) >= 4
    expected = execute(proto, feeds[0])
    step = ranges[model.graph.outputs[0].name] / 255
    found = execute(onnx.ModelProto.FromString(to_bytes(model)), feeds[0])
    assert np.abs(found - expected).max() <= 4 * step


def to_bytes(model):
    import onnx_ir as ir

    return ir.to_proto(model).SerializeToString()


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_transformer_encoder_layer(export, quantise, kind, per_channel, rng):
    """The attention is found as in float, and what computes differs from the quantised model by its rounding alone."""
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(32, 2, 64, batch_first=True)
    feeds = [{"x": rng.normal(size=(1, 12, 32)).astype(np.float32)} for _ in range(8)]
    floating = export(layer, {"x": torch.randn(1, 12, 32)})
    proto = quantise(floating, feeds, kind, per_channel)
    model = read_model(proto)
    run(model)
    operators = [node.op_type for node in model.graph if node.op_type not in ("Reshape", "Slice")]
    assert sorted(operators) == ["Add", "Add", "Attention", *["LayerNorm"] * 2, *["Linear"] * 4, "Relu"]
    check_weights(model, per_channel)
    mine = execute(onnx.ModelProto.FromString(to_bytes(model)), feeds[0])
    theirs, exact = execute(proto, feeds[0]), execute(floating, feeds[0])
    assert np.abs(mine - exact).max() <= np.abs(theirs - exact).max()
    assert np.abs(mine - theirs).max() <= 0.25


def import_only(model):
    found = read_model(model)
    ImportQuantised()(found)
    return found


PAIR = "q = QuantizeLinear({}, scale, zero) d = DequantizeLinear(q, scale, zero)"


def quantised(text_model, body, zero=0, kind=np.uint8, outputs="float[2,4] y", inputs="float[2,4] x", **more):
    return text_model(inputs, outputs, body, scale=np.float32(0.5), zero=kind(zero), other=np.float32(0.25), **more)


def test_a_range_is_what_the_integers_can_say(text_model):
    model = import_only(quantised(text_model, PAIR.format("x") + " y = Exp(d)", -28, np.int8))
    assert [node.op_type for node in model.graph] == ["Exp"]
    assert model.graph.inputs[0].metadata_props[RANGE] == "-50.0,77.5"


def test_a_range_from_0_on_was_a_relu(text_model, canonical):
    """Tools drop the Relu in front of such a pair, since quantising cuts negative numbers off."""
    body = f"p = MatMul(x, w) {PAIR.format('p')} y = MatMul(d, w)"
    model = import_only(quantised(text_model, body, w=np.eye(4, dtype=np.float32)))
    assert [node.op_type for node in model.graph] == ["MatMul", "Relu", "MatMul"]


def test_a_range_from_0_on_behind_a_sigmoid_is_none(text_model):
    body = f"p = Sigmoid(x) {PAIR.format('p')} y = Exp(d)"
    assert [node.op_type for node in import_only(quantised(text_model, body)).graph] == ["Sigmoid", "Exp"]


@pytest.mark.parametrize(
    ("body", "outputs", "inputs"),
    [
        ("y = QuantizeLinear(x, scale, zero)", "uint8[2,4] y", "float[2,4] x"),
        ("y = DequantizeLinear(x, scale, zero)", "float[2,4] y", "uint8[2,4] x"),
        ("q = QuantizeLinear(x, scale, zero) y = DequantizeLinear(q, other, zero)", "float[2,4] y", "float[2,4] x"),
    ],
)
def test_what_is_no_pair_stays(text_model, canonical, body, outputs, inputs, rng):
    model = quantised(text_model, body, outputs=outputs, inputs=inputs)
    kind = np.uint8 if inputs.startswith("uint8") else np.float32
    found = canonical(model, {"x": (rng.random((2, 4)) * 9).astype(kind)})
    assert sum(found.operators.values()) == body.count("Linear(")


def test_a_pair_whose_integers_leave_the_model_goes_only_from_the_rest(text_model, canonical):
    body = PAIR.format("x") + " y = Exp(d)"
    model = import_only(quantised(text_model, body, 3, np.int8, "int8[2,4] q, float[2,4] y"))
    assert [node.op_type for node in model.graph] == ["QuantizeLinear", "Exp"]


@pytest.mark.parametrize("shift", [None, 0, 128, 7])
@pytest.mark.parametrize("channels", [False, True])
def test_weights(text_model, canonical, shift, channels, rng):
    """uint8 around 128 is int8; another zero point leaves only the float weights."""
    kind = np.uint8 if shift else np.int8
    integers = rng.integers(0 if shift else -128, 128, (4, 3)).astype(kind)
    scale = np.array([0.1, 0.2, 0.4], np.float32) if channels else np.float32(0.1)
    constants = {"w": integers, "s": scale}
    if shift is not None:
        constants["z"] = np.full(scale.shape, shift, kind)
    body = f"d = DequantizeLinear<axis = 1>(w, s{', z' if shift is not None else ''}) y = MatMul(x, d)"
    model = text_model("float[2,4] x", "float[2,3] y", body, **constants)
    found = canonical(model, {"x": rng.normal(size=(2, 4)).astype(np.float32)})
    weight = found.one("Linear").inputs[1]
    if shift == 7:
        assert QUANTISED not in weight.meta
        return
    stored, scales, axis = weight.meta[QUANTISED]
    np.testing.assert_array_equal(stored, (integers.astype(int) - (shift or 0)).astype(np.int8).T)
    assert axis == (0 if channels else None)
    np.testing.assert_array_equal(scales, scale)


def test_a_weight_that_is_turned_after_it_was_read(text_model, canonical, rng):
    body = "d = DequantizeLinear<axis = 0>(w, s) t = Transpose<perm = [1, 0]>(d) y = MatMul(x, t)"
    integers, scale = rng.integers(-127, 128, (3, 4)).astype(np.int8), np.array([0.1, 0.2, 0.4], np.float32)
    model = text_model("float[2,4] x", "float[2,3] y", body, w=integers, s=scale)
    found = canonical(model, {"x": rng.normal(size=(2, 4)).astype(np.float32)})
    stored, _, axis = found.one("Linear").inputs[1].meta[QUANTISED]
    np.testing.assert_array_equal(stored, integers)
    assert axis == 0


def test_a_weight_that_the_model_quantises_itself(text_model, canonical, rng):
    body = "q = QuantizeLinear(w, s, z) d = DequantizeLinear(q, s, z) y = MatMul(x, d)"
    weight = rng.normal(size=(4, 3)).astype(np.float32)
    model = text_model("float[2,4] x", "float[2,3] y", body, w=weight, s=np.float32(0.02), z=np.int8(0))
    found = canonical(model, {"x": rng.normal(size=(2, 4)).astype(np.float32)})
    stored, _, _ = found.one("Linear").inputs[1].meta[QUANTISED]
    np.testing.assert_array_equal(stored, np.clip(np.rint(weight / np.float32(0.02)), -128, 127).T)
    assert numpy_helper.to_array(model.graph.initializer[0]).dtype == np.float32
