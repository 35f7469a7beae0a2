"""A language model of a moment: MiniLM's words and shape with three layers of 16, at random; ratings of few users."""

import numpy as np
import pytest
import torch

from gatewright.models.data import MovieLens, load_movielens
from gatewright.models.data.splits import Split, UserTimeSplit, split
from gatewright.models.text import TextEncoder, load_text_encoder


@pytest.fixture(scope="session")
def tiny_encoder() -> TextEncoder:
    words = load_text_encoder()
    from transformers import BertConfig, BertModel  # after the encoder has told transformers to be quiet

    with torch.random.fork_rng():
        torch.manual_seed(0)
        shape = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
        bert = BertModel(BertConfig(**shape, initializer_range=0.5), add_pooling_layer=False)
    return TextEncoder(bert, words.tokenizer)


@pytest.fixture(scope="session")
def parts() -> Split:
    return split(load_movielens().subset(12), UserTimeSplit())


@pytest.fixture(scope="session")
def tastes() -> Split:
    """Of users who rate movies of one kind alone, which the title says."""
    rng = np.random.default_rng(0)
    kinds = ("western", "space", "romance", "horror")
    titles = tuple(f"{kinds[n % 4]} number {n}" for n in range(64))
    items = np.concatenate([rng.permutation(np.arange(user % 4, 64, 4))[:13] for user in range(40)]).astype(np.int32)
    users = np.repeat(np.arange(40, dtype=np.int32), 13)
    data = MovieLens(
        "made for a test", np.arange(40), np.arange(64), titles, titles,
        users, items, np.full(520, 4, np.float32), np.arange(520),
    )  # fmt: skip
    return split(data, UserTimeSplit())
