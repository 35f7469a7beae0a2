"""MiniLM in PyTorch: item texts, and vectors that do not depend on how texts are batched."""

import numpy as np
import pytest
import torch

from gatewright.models.data import load_movielens
from gatewright.models.text import MAX_TOKENS, item_texts, load_text_encoder
from gatewright.recommender.texts import tidy_title


@pytest.mark.parametrize(
    ("title", "tidy"),
    [
        ("Matrix, The (1999)", "The Matrix"),
        ("Heat (1995)", "Heat"),
        ("Misérables, Les (1995)", "Les Misérables"),
        ("2001: A Space Odyssey (1968)", "2001: A Space Odyssey"),
        ("City of Lost Children, The (Cité des enfants perdus, La) (1995)",
         "The City of Lost Children (Cité des enfants perdus, La)"),
        ("I, Robot (2004)", "I, Robot"),
        ("Untitled (movie 5)", "Untitled (movie 5)"),
    ],
)  # fmt: skip
def test_titles_read_as_people_write_them(title, tidy):
    assert tidy_title(title) == tidy


def test_item_text_is_title_and_genres():
    data = load_movielens()
    texts = dict(zip(data.movie_ids.tolist(), item_texts(data), strict=True))
    assert texts[2571] == "The Matrix. Action, Sci-Fi, Thriller"
    assert not any("no genres" in text for text in texts.values())


def test_vectors_are_unit_and_independent_of_the_batch():
    encoder = load_text_encoder()
    texts = ["Toy Story. Animation", "a", "A rather long text about a space adventure with robots and some romance", ""]
    together = encoder.encode(texts)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, together, strict=True):
        assert np.allclose(encoder.encode([text])[0], vector, atol=1e-5)
    assert np.allclose(encoder.encode(texts, batch=1), together, atol=1e-5)


def test_similar_texts_are_near():
    near, far, query = load_text_encoder().encode(["Star Wars. Sci-Fi", "Pride and Prejudice. Romance", "space battle"])
    assert near @ query > far @ query + 0.1


def test_long_texts_are_cut():
    encoder = load_text_encoder()
    assert len(encoder.tokenize(["word " * 500])[0]) == MAX_TOKENS


def test_pooling_is_the_mean_over_real_tokens():
    encoder = load_text_encoder()
    ids = torch.tensor([encoder.tokenize(["space adventure"])[0]])
    with torch.inference_mode():
        mean = encoder.hidden(ids, torch.ones_like(ids))[0].mean(0).numpy()
    assert np.allclose(encoder.encode(["space adventure"])[0], mean / np.linalg.norm(mean), atol=1e-5)
