"""The product's own roofline of a text encoder, beside one that is counted from its ONNX graph alone."""

import json
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from bench.minilm_roofline import bounds, count
from gatewright.models.export import export_encoder
from gatewright.models.text import TextEncoder, load_text_encoder, model_directory
from gatewright.spec.config import get_config
from gatewright.spec.memory import MemoryModel
from gatewright_sim.speed.conditions import Conditions
from gatewright_sim.speed.encoder import Encoder

PYNQ = get_config("pynq-z2")


def _agree(graph: onnx.ModelProto, encoder: Encoder, tokens: int) -> None:
    work = count(graph, tokens)
    assert encoder.macs(tokens) == work.macs
    assert encoder.read_bytes(tokens) == work.read_bytes
    for memory in (MemoryModel(100.0), Conditions(125.0, 0.83).memory):
        assert encoder.roofline(tokens, PYNQ, memory) == pytest.approx(bounds(work, PYNQ, memory), abs=1)


def test_both_count_the_same_of_a_small_one() -> None:
    words = load_text_encoder()
    from transformers import BertConfig, BertModel  # after the encoder has told transformers to be quiet

    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40}
    bert = BertModel(BertConfig(**shape), add_pooling_layer=False)
    with torch.random.fork_rng():
        graph = export_encoder(TextEncoder(bert, words.tokenizer))
    for tokens in (3, 24):
        _agree(graph, Encoder(layers=2, width=16, inner=40), tokens)


@pytest.mark.slow
def test_both_count_the_same_of_minilm() -> None:
    graph = export_encoder()
    for tokens in (32, 64, 128):
        _agree(graph, Encoder.of(model_directory()), tokens)


def test_sizes_are_read_from_the_model_s_folder(tmp_path: Path) -> None:
    config = {"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536, "vocab_size": 30522}
    (tmp_path / "config.json").write_text(json.dumps(config))
    encoder = Encoder.of(tmp_path)
    assert encoder == Encoder(6, 384, 1536)
    assert encoder.macs(1) == 6 * (1_769_472 + 768)


def test_products_that_nobody_counts_are_refused() -> None:
    node = helper.make_node("Gemm", ["x", "w"], ["y"], name="g")
    x, w, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "n"]) for name in "xwy")
    with pytest.raises(NotImplementedError, match="Gemm g"):
        count(helper.make_model(helper.make_graph([node], "one", [x, w], [y])), 4)
