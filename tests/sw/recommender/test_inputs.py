"""What a request gives to its program."""

import numpy as np
import pytest

from gatewright.recommender.inputs import Tokenizer, request_inputs


@pytest.fixture(scope="module")
def model(small_trained):
    from gatewright.models.deploy import hybrid_model

    return hybrid_model(small_trained)


def test_ratings_are_weighed_by_age_and_size(model, small_trained):
    data = small_trained.data
    for user in range(data.n_users):
        given = request_inputs(model, user)
        mine = data.items[data.user_ptr[user] : data.user_ptr[user + 1]][-model.history :]
        assert given["rated"].tolist() == mine.tolist()
        assert given["user_ptr"].tolist() == [0, len(mine)]
        assert given["month"].tolist() == model.months.at(data.timestamps[[data.user_ptr[user + 1] - 1]]).tolist()
        for expert, half_life in enumerate(model.half_lives):
            weights = given[f"weight_{expert}"]
            np.testing.assert_allclose(np.linalg.norm(weights), 1, rtol=1e-5)
            expected = 0.5 ** (np.arange(len(mine))[::-1] / half_life) * model.sizes[expert, mine]
            np.testing.assert_allclose(weights / weights.max(), expected / expected.max(), rtol=1e-5)


def test_somebody_unknown_asks_now_and_weighs_nothing(model):
    given = request_inputs(model, None)
    assert given["month"].tolist() == [model.months.count - 1]
    assert given["user_ptr"].tolist() == [0, 2]
    assert not any(given[f"weight_{expert}"].any() for expert in range(len(model.half_lives)))


def test_tokens_come_with_a_mask(model):
    tokens = np.array([[101, 7, 102]])
    given = request_inputs(model, 1, tokens)
    assert given["ids"] is tokens
    assert given["mask"].tolist() == [[1, 1, 1]]
    assert {"ids", "mask"}.isdisjoint(request_inputs(model, 1))


def test_long_texts_are_cut(model):
    tokens = Tokenizer(model)("a very long query " * 40)
    assert tokens.shape == (1, model.max_tokens)
    assert tokens.dtype == np.int64
    assert tokens[0, -1] == Tokenizer(model)("short")[0, -1]
