"""Lists from vectors of texts: recency, popularity, and what is recommended to nobody."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright.models.text import item_texts
from gatewright.training.item_encoder import ItemEncoder
from gatewright.training.recommendation_loss import RecommendationLoss
from gatewright.training.text_scorer import TextScorer

OPTIONS = RecommendationLoss(temperature=0.5, half_life=1.0, least_ratings=1)


@pytest.fixture
def vectors(parts, rng):
    found = rng.normal(size=(parts.train.n_items, 8))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_scores_are_cosines_with_a_decaying_history_and_popularity(parts, vectors):
    train = parts.train
    counts = np.bincount(train.items, minlength=train.n_items)
    users = np.array([3, 0])
    scores = TextScorer(train, vectors, OPTIONS).scores(users)
    assert scores.dtype == np.float32
    for row, user in zip(scores, users, strict=True):
        history = train.items[train.user_ptr[user] : train.user_ptr[user + 1]][::-1]
        mean = sum(vectors[item] * 0.5**age for age, item in enumerate(history))
        expected = vectors @ mean / np.linalg.norm(mean) / 0.5 + np.log(counts + 1)
        assert np.allclose(row[counts > 0], expected[counts > 0], atol=1e-4)
        assert (row[counts == 0] == -np.inf).all()


def test_without_a_history_the_list_is_what_is_popular(parts, vectors):
    train = parts.train.select(parts.train.users != 2)
    counts = np.bincount(train.items, minlength=train.n_items)
    (row,) = TextScorer(train, vectors, OPTIONS).scores(np.array([2]))
    assert np.allclose(row[counts > 0], np.log(counts + 1)[counts > 0], atol=1e-6)


@pytest.mark.parametrize("least", [0, 1, 3])
def test_movies_rated_too_rarely_are_not_read(least, parts, tiny_encoder):
    from gatewright.models.text import item_texts
    from gatewright.training.item_encoder import ItemEncoder

    encoder = ItemEncoder(tiny_encoder.bert, tiny_encoder.tokenize(item_texts(parts.train)))
    scorer = TextScorer.of(parts.train, encoder, replace(OPTIONS, least_ratings=least))
    counts = np.bincount(parts.train.items, minlength=parts.train.n_items)
    read = np.linalg.norm(scorer.vectors, axis=1) > 0
    assert np.array_equal(read, counts >= least)
    assert np.array_equal(np.isfinite(scorer.scores(np.array([0]))[0]), counts >= least)


def test_where_no_movie_is_rated_often_enough_none_is_recommended(parts, tiny_encoder):
    options = replace(OPTIONS, least_ratings=10_000)
    module = ItemEncoder(tiny_encoder.bert, tiny_encoder.tokenize(item_texts(parts.train)))
    scorer = TextScorer.of(parts.train, module, options)
    assert not scorer.vectors.any()
    assert (scorer.scores(np.array([0])) == -np.inf).all()
