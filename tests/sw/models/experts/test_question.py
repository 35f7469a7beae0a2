"""What people may type, and how it is read."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright.models.data import load_movielens
from gatewright.models.experts.question import words_for
from gatewright.recommender.texts import tidy_title


@pytest.fixture(scope="module")
def data():
    return load_movielens().subset(5)


def test_words_are_genres_or_of_the_title(data, rng):
    items = np.arange(data.n_items)
    genres = titles = 0
    for item, text in zip(items, words_for(data, items, rng), strict=True):
        named = text == data.genres[item].replace("|", " ").lower()
        genres += named
        titles += not named
        assert named or (1 <= len(text.split()) <= 2 and set(text.split()) <= set(_words(data.titles[item])))
    assert 0.3 < genres / len(items) < 0.7


def _words(title):
    return tidy_title(title).lower().split()


def test_a_movie_without_genres_is_named_by_its_title(ratings, rng):
    data = replace(ratings([[0]], 1), titles=("Heat (1995)",), genres=("(no genres listed)",))
    assert words_for(data, np.zeros(20, np.int64), rng) == ["heat"] * 20
