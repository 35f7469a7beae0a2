"""What a request gives to the program."""

import numpy as np
import pytest

from gatewright.recommender.inputs import Tokenizer, request_inputs


@pytest.fixture(scope="session")
def model(small_trained):
    from gatewright.models.deploy import hybrid_model

    return hybrid_model(small_trained)


def test_the_neighbourhood_is_that_of_the_ratings(model, small_trained):
    data = small_trained.data
    for user in range(data.n_users):
        given = request_inputs(model, user, np.array([[101, 102]]))
        mine = data.items[data.user_ptr[user] : data.user_ptr[user + 1]]
        assert np.array_equal(given["rated"], mine)
        assert np.array_equal(given["user_ptr"], [0, len(mine)])
        degree = np.bincount(data.items, minlength=data.n_items)
        assert np.array_equal(np.diff(given["item_ptr"]), degree[mine])
        for place in (0, len(mine) - 1):
            raters = given["raters"][given["item_ptr"][place] : given["item_ptr"][place + 1]]
            assert sorted(raters) == sorted(data.users[data.items == mine[place]])
        expected = 1 / np.sqrt(len(mine) * degree[mine])
        assert np.allclose(given["user_weight"], expected, rtol=1e-3, atol=model.by_user.scale)


def test_history_is_newest_first_and_filled_up(model):
    user = int(np.argmin(model.by_user.degrees))
    given = request_inputs(model, user, np.array([[101, 102]]))
    items = model.items_of(user)[::-1][: model.history]
    assert given["history"].shape == given["stars"].shape == given["attended"].shape == (1, model.history)
    assert np.array_equal(given["history"][0, : len(items)], items)
    assert np.array_equal(given["attended"][0], np.arange(model.history) < len(items))
    assert given["stars"][given["attended"]].min() >= 1
    assert not given["stars"][~given["attended"]].any()


def test_long_texts_are_cut(model):
    tokens = Tokenizer(model)("a very long query " * 40)
    assert tokens.shape == (1, model.max_tokens)
    assert tokens.dtype == np.int64
    assert tokens[0, -1] == Tokenizer(model)("short")[0, -1]
