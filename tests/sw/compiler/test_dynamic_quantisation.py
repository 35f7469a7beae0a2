"""What onnxruntime's dynamic quantisation writes: one program without host steps, near the float model."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.load import read_model
from gatewright.compiler.passes import run as canonical
from gatewright.compiler.passes.quantised import QUANTISED

BOUND = 0.02
"""Relative root mean square error against the float model."""


class Layers:
    """Layers as exporters write them."""

    def __init__(self, graph, rng):
        self.g, self.rng = graph(opset=17), rng

    def linear(self, x, lead, k, n, *, bias=True):
        weight = self.g.constant(self.weight(k, (k, n)))
        y = self.g.node("MatMul", [x, weight], [*lead, n])
        return self.g.node("Add", [y, self.g.constant(self.small(n))], [*lead, n]) if bias else y

    def gemm(self, x, rows, k, n):
        """As torch writes it: the weight is [n, k]."""
        weight = self.g.constant(self.weight(k, (n, k)))
        return self.g.node("Gemm", [x, weight, self.g.constant(self.small(n))], [rows, n], transB=1)

    def norm(self, x, lead, n):
        gain, bias = self.g.constant(1 + self.small(n)), self.g.constant(self.small(n))
        return self.g.node("LayerNormalization", [x, gain, bias], [*lead, n], axis=-1)

    def weight(self, k, shape):
        return (self.rng.uniform(-1, 1, shape) / np.sqrt(k)).astype(np.float32)

    def small(self, n):
        return (self.rng.normal(size=n) * 0.1).astype(np.float32)


def mlp(layers, x="x"):
    y = layers.gemm(layers.g.input(x, [10, 32]), 10, 32, 64)
    y = layers.gemm(layers.g.node("Relu", [y], [10, 64]), 10, 64, 48)
    return layers.gemm(layers.g.node("Tanh", [y], [10, 48]), 10, 48, 16)


def residual_mlp(layers):
    y = layers.linear(layers.g.input("x", [10, 32]), [10], 32, 64)
    for _ in range(2):
        inner = layers.linear(layers.norm(y, [10], 64), [10], 64, 128)
        inner = layers.linear(layers.g.node("Relu", [inner], [10, 128]), [10], 128, 64, bias=False)
        y = layers.g.node("Add", [y, inner], [10, 64])
    return layers.linear(layers.norm(y, [10], 64), [10], 64, 8)


def attention(layers, x):
    g, lead, heads = layers.g, [2, 12], [2, 4, 12, 16]
    parts = []
    for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        split = g.node("Reshape", [layers.linear(x, lead, 64, 64), g.constant([2, 12, 4, 16])], [2, 12, 4, 16])
        shape = [[2, 12, 4, 16][axis] for axis in perm]
        parts.append(g.node("Transpose", [split], shape, perm=perm))
    scores = g.node("MatMul", parts[:2], [2, 4, 12, 12])
    scores = g.node("Mul", [scores, g.constant(np.float32(0.25))], [2, 4, 12, 12])
    mixed = g.node("MatMul", [g.node("Softmax", [scores], [2, 4, 12, 12], axis=-1), parts[2]], heads)
    joined = g.node("Transpose", [mixed], [2, 12, 4, 16], perm=[0, 2, 1, 3])
    return layers.linear(g.node("Reshape", [joined, g.constant([2, 12, 64])], [2, 12, 64]), lead, 64, 64)


def transformer_block(layers):
    g, lead = layers.g, [2, 12]
    x = g.input("x", [2, 12, 64])
    y = g.node("Add", [x, attention(layers, layers.norm(x, lead, 64))], [2, 12, 64])
    inner = layers.linear(layers.norm(y, lead, 64), lead, 64, 128)
    inner = layers.linear(g.node("Relu", [inner], [2, 12, 128]), lead, 128, 64)
    return g.node("Add", [y, inner], [2, 12, 64])


MODELS = {"mlp": mlp, "residual_mlp": residual_mlp, "transformer_block": transformer_block}

OPTIONS = {
    "default": {},
    "per_channel": {"per_channel": True},
    "uint8": {"weight_type": QuantType.QUInt8},
    "uint8_per_channel": {"weight_type": QuantType.QUInt8, "per_channel": True},
    "both_operands": {"extra_options": {"MatMulConstBOnly": False}},
}


@pytest.fixture
def quantised(tmp_path):
    """The model as quantize_dynamic makes it."""

    def make(model, **options):
        path = tmp_path / "quantised.onnx"
        quantize_dynamic(model, path, **options)
        return onnx.load(path)

    return make


@pytest.fixture
def beside_float(run, rng):
    """The outcome of a model on golden, with what the float model gives for the same inputs as what is expected."""

    def compare(model, quantised, draw):
        feed = draw(rng)
        outcome = run(quantised, feed, calibration=[draw(rng) for _ in range(8)])
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        outcome.expected = dict(zip(outcome.expected, session.run(None, feed), strict=True))
        return outcome

    return compare


def normal(*shape):
    return lambda rng: {"x": rng.normal(size=shape).astype(np.float32)}


SHAPES = {"mlp": (10, 32), "residual_mlp": (10, 32), "transformer_block": (2, 12, 64)}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", MODELS)
def test_one_program_near_the_float_model(graph, rng, quantised, beside_float, name, options):
    layers = Layers(graph, rng)
    model = layers.g.model(MODELS[name](layers))
    outcome = beside_float(model, quantised(model, **OPTIONS[options]), normal(*SHAPES[name]))
    assert not outcome.reasons
    assert len(outcome.steps) == 1
    assert outcome.error < BOUND


def test_seven_bits_are_as_good_as_onnxruntime(graph, rng, run, quantised):
    """``reduce_range`` halves the weights' precision: no runtime restores it."""
    layers = Layers(graph, rng)
    model = layers.g.model(mlp(layers))
    draw = normal(10, 32)
    outcome = run(quantised(model, reduce_range=True), draw(rng), calibration=[draw(rng) for _ in range(8)])
    assert not outcome.reasons
    assert outcome.error < BOUND


@pytest.mark.parametrize("norm", [False, True])
def test_a_quantised_table(graph, rng, quantised, beside_float, norm):
    """Its rows go straight into a product, or are dequantised before something else."""
    layers = Layers(graph, rng)
    g = layers.g
    table = g.constant(rng.normal(size=(50, 32)).astype(np.float32))
    rows = g.node("Gather", [table, g.input("x", [9], np.int64)], [9, 32])
    model = g.model(layers.linear(layers.norm(rows, [9], 32) if norm else rows, [9], 32, 8))
    changed = quantised(model)
    assert any(
        tensor.data_type == onnx.TensorProto.UINT8 and list(tensor.dims) == [50, 32]
        for tensor in changed.graph.initializer
    )
    outcome = beside_float(model, changed, lambda rng: {"x": rng.integers(0, 50, 9)})
    assert not outcome.reasons
    assert outcome.error < BOUND


@pytest.mark.parametrize("name", MODELS)
def test_what_onnxruntime_has_fused(graph, rng, quantised, beside_float, tmp_path, name):
    """``DynamicQuantizeMatMul`` and ``MatMulIntegerToFloat``."""
    layers = Layers(graph, rng)
    model = layers.g.model(MODELS[name](layers))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    changed = quantised(model).SerializeToString()
    onnxruntime.InferenceSession(changed, options, providers=["CPUExecutionProvider"])
    fused = onnx.load(tmp_path / "optimised.onnx")
    assert {"DynamicQuantizeMatMul", "MatMulIntegerToFloat"} & {node.op_type for node in fused.graph.node}
    outcome = beside_float(model, fused, normal(*SHAPES[name]))
    assert "Quantize" not in " ".join(outcome.reasons)
    assert "MatMulInteger" not in " ".join(outcome.reasons)
    assert outcome.error < BOUND


def product(graph, rng, *, zero, scale, dtype=np.int8):
    """One layer as dynamic quantisation writes it, of chosen numbers: the model, and its weight as real numbers."""
    g = graph(opset=17)
    limits = np.iinfo(dtype)
    weight = rng.integers(limits.min, limits.max + 1, (16, 8)).astype(dtype)
    names = ["q", "s", "z"]
    g.nodes.append(onnx.helper.make_node("DynamicQuantizeLinear", [g.input("x", [5, 16])], names, name="quantise"))
    total = g.node(
        "MatMulInteger", ["q", g.constant(weight), "z", g.constant(zero.astype(dtype))], [5, 8], dtype=np.int32
    )
    real = g.node("Cast", [total], [5, 8], to=1)
    y = g.node("Mul", [g.node("Mul", [real, "s"], [5, 8]), g.constant(scale)], [5, 8])
    return g.model(y), (weight.astype(np.float32) - zero) * scale


@pytest.mark.parametrize(
    ("zero", "dtype"),
    [
        (np.zeros(()), np.int8),
        (np.zeros(8), np.int8),
        (np.full((), 128), np.uint8),
        (np.full((), 3), np.uint8),
        (np.arange(8) * 20, np.uint8),
        (np.arange(-4, 4), np.int8),
    ],
)
@pytest.mark.parametrize("scales", ["one", "of_columns"])
def test_weights_keep_their_integers(graph, rng, run, zero, dtype, scales):
    scale = np.float32(0.02) if scales == "one" else rng.uniform(0.01, 0.03, 8).astype(np.float32)
    model, weight = product(graph, rng, zero=zero, scale=scale, dtype=dtype)
    form = read_model(model)
    canonical(form, Bindings())
    (linear,) = [node for node in form.graph if node.op_type == "Linear"]
    np.testing.assert_allclose(linear.inputs[1].const_value.numpy(), weight.T, rtol=1e-6)
    integers, factors, _ = linear.inputs[1].meta[QUANTISED]
    np.testing.assert_allclose(integers * np.reshape(factors, (-1, 1)), weight.T, rtol=1e-6)
    outcome = run(model, {"x": rng.normal(size=(5, 16)).astype(np.float32)})
    assert not outcome.reasons
    assert outcome.error < BOUND


def test_a_scale_that_something_else_reads_stays(graph, rng, run):
    """The product alone is taken over; what also wants the integers' scale gets it from the host."""
    model, _ = product(graph, rng, zero=np.zeros(()), scale=np.float32(0.02))
    model.graph.output.append(onnx.helper.make_tensor_value_info("s", onnx.TensorProto.FLOAT, []))
    outcome = run(model, {"x": rng.normal(size=(5, 16)).astype(np.float32)})
    assert len(outcome.reasons) == 1
    assert outcome.error < BOUND
