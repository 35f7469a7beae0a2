"""MiniLM on the accelerator against PyTorch's."""

import numpy as np
import pytest

from gatewright.models.data import load_movielens
from gatewright.models.text import item_texts, load_text_encoder
from gatewright.recommender.encoder import Encoder


@pytest.fixture(scope="module")
def encoder(accelerator, small_quantised):
    return Encoder(accelerator, small_quantised.encoder)


def test_embeddings_are_near_float(encoder, small_trained):
    texts = [*item_texts(small_trained.data)[::60], "space adventure"]
    cosine = (encoder.encode(texts) * load_text_encoder().encode(texts)).sum(1)
    assert cosine.min() > 0.985  # few calibration texts: the bar for the whole model is in the slow test
    assert cosine.mean() > 0.993


def test_tokenizer_is_that_of_the_float_model(encoder):
    texts = ["Misérables, Les: ça va?", "word " * 300, ""]
    assert [e.ids for e in encoder.tokenizer.encode_batch(texts)] == load_text_encoder().tokenize(texts)


def test_texts_do_not_influence_each_other(encoder):
    texts = ["romantic comedy", "The Matrix. Action, Sci-Fi, Thriller", "x"]
    together = encoder.encode(texts)
    for text, vector in zip(texts, together, strict=True):
        assert np.allclose(encoder.encode([text])[0], vector, atol=1e-6)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_every_configuration_gives_the_same_vector(encoder, tiny_accelerator, small_quantised):
    tiny = Encoder(tiny_accelerator, small_quantised.encoder)
    assert np.array_equal(tiny.encode(["space adventure"]), encoder.encode(["space adventure"]))


@pytest.mark.slow
def test_two_hundred_titles_have_cosine_of_at_least_099(full_recommender):
    texts = item_texts(load_movielens())
    chosen = [texts[index] for index in np.random.default_rng(7).choice(len(texts), 200, replace=False)]
    cosine = (full_recommender.encoder.encode(chosen) * load_text_encoder().encode(chosen)).sum(1)
    print(f"cosine over 200 titles: mean {cosine.mean():.5f}, worst {cosine.min():.5f}")
    assert cosine.mean() >= 0.995
    assert cosine.min() >= 0.99
