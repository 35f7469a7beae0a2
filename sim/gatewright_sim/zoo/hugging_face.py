"""Architectures of Hugging Face's transformers, tiny, with random weights: nothing is downloaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from gatewright_sim.zoo.material import Inputs, Material, exported

__all__ = ["make", "names"]

_PREFIX = "transformers/"
_TOKENS, _VOCABULARY = 16, 100
_SPECIAL = 3
"""Ids below are padding, start and end."""
_SEED = 0

_SMALL: dict[str, Any] = {
    "vocab_size": _VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "use_cache": False,
}
_GROUPED: dict[str, Any] = {"num_key_value_heads": 2, "head_dim": 8}

ARCHITECTURES: Mapping[str, Mapping[str, Any]] = {
    # encoders of text
    "albert": {"embedding_size": 16}, "bert": {}, "big_bird": {}, "convbert": {}, "deberta": {},
    "deberta-v2": {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]}, "distilbert": {}, "electra": {},
    "esm": {}, "fnet": {}, "mobilebert": {"true_hidden_size": 32, "intra_bottleneck_size": 32}, "modernbert": {},
    "mpnet": {}, "nystromformer": {}, "roberta": {}, "roformer": {}, "squeezebert": {"embedding_size": 32},
    # decoders
    "bloom": {}, "falcon": {}, "gemma2": _GROUPED, "gpt2": {}, "gpt_neox": {}, "llama": _GROUPED, "mistral": _GROUPED,
    "mixtral": _GROUPED, "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32}, "phi": {},
}  # fmt: skip
"""By the name that transformers gives it: what its configuration has besides small sizes."""


def names() -> list[str]:
    """Of all models."""
    return [f"{_PREFIX}{kind}" for kind in ARCHITECTURES]


def make(name: str) -> Material:
    """One model, in PyTorch's own attention. Raises what transformers and the exporter raise."""
    import torch
    from transformers import AutoConfig, AutoModel

    logging.getLogger("transformers").setLevel(logging.ERROR)
    kind = name.removeprefix(_PREFIX)
    torch.manual_seed(_SEED)
    model = AutoModel.from_config(AutoConfig.for_model(kind, **_SMALL | dict(ARCHITECTURES[kind])))

    def draw(rng: np.random.Generator) -> Inputs:
        ids = rng.integers(_SPECIAL, _VOCABULARY, (1, _TOKENS))
        kept = (np.arange(_TOKENS)[None] < rng.integers(_TOKENS // 2, _TOKENS + 1)).astype(np.int64)
        return {"input_ids": ids, "attention_mask": kept}

    return exported(model, draw)
