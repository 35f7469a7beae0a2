"""Models that nobody tuned for, as people export them: each runs from one doorbell, bit for bit the same on the RTL
and the golden model, and within a stated bound of ONNX Runtime in float."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.program.compiled import FabricStep, HostStep

BOUNDS = {
    # Relative root mean square error against float. The largest of many normal numbers is four deviations, so that a
    # step of int8 is 1/30 of one: 1 % of error for each product in a row, and half as much from the weights;
    # independent, hence 2 % for three. A residual path, which is int16, makes less of it. What QDQ models themselves
    # round to int8 falls elsewhere in ours and adds as much again.
    "encoder": 0.01,
    "decoder": 0.015,
    "mlp": 0.025,
    "qdq int8": 0.035,
    "qdq uint8": 0.035,
    "qoperator": 0.035,
    "gcn": 0.025,
    "foreign": 0.025,
}

CALIBRATION = 64
"""Inputs from which ranges are taken: enough that another one seldom exceeds them."""


def export(module, x):
    return torch.onnx.export(module.eval(), (x,), dynamo=True, verbose=False, input_names=["x"], output_names=["y"])


class DecoderBlock(nn.Module):
    """Pre-norm self-attention with a causal mask, and a feed-forward layer."""

    def __init__(self, width=64, heads=4):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        split = (batch, tokens, self.heads, width // self.heads)
        q, k, v = (part.reshape(split).transpose(1, 2) for part in self.qkv(self.norms[0](x)).chunk(3, -1))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.mix(mixed.transpose(1, 2).reshape(x.shape))
        return x + self.down(nn.functional.gelu(self.up(self.norms[1](x))))


class Running(nn.Module):
    """Two layers with a running sum between them, which the fabric lacks."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(24, 32), nn.Linear(32, 8)

    def forward(self, x):
        return self.second(torch.cumsum(torch.tanh(self.first(x)), 0) / 4)


def encoder():
    return export(nn.TransformerEncoderLayer(96, 3, 384, batch_first=True), torch.randn(1, 50, 96)).model_proto, (
        1,
        50,
        96,
    )


def decoder():
    layers = nn.Sequential(DecoderBlock(), DecoderBlock(), nn.LayerNorm(64))
    return export(layers, torch.randn(1, 24, 64)).model_proto, (1, 24, 64)


def mlp():
    layers = nn.Sequential(
        nn.Linear(30, 100),
        nn.ReLU(),
        nn.BatchNorm1d(100),
        nn.Linear(100, 50),
        nn.SiLU(),
        nn.Dropout(0.1),
        nn.Linear(50, 3),
    )
    for _ in range(5):  # leaves statistics in the batch norm
        layers(torch.randn(64, 30))
    return export(layers, torch.randn(16, 30)).model_proto, (16, 30)


def foreign():
    return export(Running(), torch.randn(12, 24)).model_proto, (12, 24)


def quantised(form, activation, per_channel, folder):
    """What onnxruntime's static quantisation makes of a float model: pairs of Q and DQ, or operators on integers."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Batches(CalibrationDataReader):
        def __init__(self):
            self.batches = iter([{"x": torch.randn(16, 30).numpy()} for _ in range(8)])

        def get_next(self):
            return next(self.batches, None)

    layers = nn.Sequential(nn.Linear(30, 100), nn.ReLU(), nn.Linear(100, 50), nn.Tanh(), nn.Linear(50, 8))
    onnx.save(export(layers, torch.randn(16, 30)).model_proto, folder / "float.onnx")
    quantize_static(
        folder / "float.onnx",
        folder / "quantised.onnx",
        Batches(),
        quant_format=getattr(QuantFormat, form),
        activation_type=getattr(QuantType, activation),
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
    )
    return onnx.load(folder / "quantised.onnx"), (16, 30)


def gcn():
    """A GCNConv's weights on the sparse product; equal to torch_geometric's own output in float."""
    import torch_geometric.nn
    from torch_geometric.nn.conv.gcn_conv import gcn_norm

    from gatewright.compiler.operators import add_functions
    from gatewright.models.csr_op import csr_matmul

    nodes, edges = 40, torch.randint(0, 40, (2, 150))
    reference = torch_geometric.nn.GCNConv(24, 16)
    looped, weight = gcn_norm(edges, None, nodes, add_self_loops=True)
    order = torch.argsort(looped[1], stable=True)
    row_ptr = torch.cat([torch.zeros(1, dtype=torch.long), torch.bincount(looped[1], minlength=nodes).cumsum(0)])

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.bias = reference.lin, reference.bias
            self.register_buffer("row_ptr", row_ptr)
            self.register_buffer("col", looped[0][order])
            self.register_buffer("weight", weight[order])

        def forward(self, x):
            return (
                csr_matmul(self.row_ptr, self.col, self.weight, nn.functional.linear(x, self.linear.weight)) + self.bias
            )

    x = torch.randn(nodes, 24)
    torch.testing.assert_close(Layer()(x), reference(x, edges))
    program = export(Layer(), x)
    add_functions(program.model)
    return program.model_proto, (nodes, 24)


MODELS = {
    "encoder": (lambda _: encoder(), "pynq-z2"),
    "decoder": (lambda _: decoder(), "pynq-z2"),
    "mlp": (lambda _: mlp(), "tiny"),
    "qdq int8": (lambda folder: quantised("QDQ", "QInt8", True, folder), "tiny"),
    "qdq uint8": (lambda folder: quantised("QDQ", "QUInt8", False, folder), "tiny"),
    "qoperator": (lambda folder: quantised("QOperator", "QUInt8", True, folder), "tiny"),
    "gcn": (lambda _: gcn(), "tiny"),
    "foreign": (lambda _: foreign(), "tiny"),
}


@pytest.fixture(scope="module", params=MODELS)
def compiled(request, tmp_path_factory):
    """Name, ONNX model, program and an input of each model."""
    build, config = MODELS[request.param]
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model, shape = build(tmp_path_factory.mktemp("model"))
    draws = [{"x": rng.normal(size=shape).astype(np.float32)} for _ in range(1 + CALIBRATION)]
    return request.param, model, compile_model(model, config=config, calibration=draws[1:]), draws[0]


def results(program, feed, backend):
    with Accelerator(program.config, backend) as accelerator, accelerator.load(program) as loaded:
        (found,) = loaded(**feed).values()
        return found


def test_golden_is_near_float(compiled):
    name, model, program, feed = compiled
    (expected,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, feed)
    found = results(program, feed, "golden")
    error = np.sqrt(np.square(found - expected).mean() / np.square(expected).mean())
    print(f"{name}: relative rms error {error:.4f}, allowed {BOUNDS[name]}")
    assert error < BOUNDS[name]


def test_hardware_equals_golden(compiled):
    _, _, program, feed = compiled
    np.testing.assert_array_equal(results(program, feed, "rtl"), results(program, feed, "golden"))


def test_one_doorbell_where_nothing_is_foreign(compiled):
    name, _, program, _ = compiled
    steps = program.variants[0].steps
    if name != "foreign":
        assert [type(step) for step in steps] == [FabricStep]
        return
    assert [type(step) for step in steps] == [FabricStep, HostStep, FabricStep]
    (reason,) = steps[1].reasons
    assert reason.startswith(
        "the fabric has no operator CumSum (costs: 2 values of 3,072 bytes cross between host and fabric"
    )


def test_a_check_says_before_what_compiling_does(compiled, agrees):
    _, model, program, _ = compiled
    agrees(model, program)
