"""Ratings that come after the training."""

import numpy as np
import pytest

from gatewright.recommender import RecommenderError, UnknownMovieError, UnknownUserError

NOW = 2_000_000_000


@pytest.fixture(scope="module")
def model(small_trained):
    from gatewright.models.deploy import hybrid_model

    return hybrid_model(small_trained)


@pytest.fixture
def movie(model):
    """A movie that the third user has not rated: its index and its id."""
    item = int(np.setdiff1d(np.arange(len(model.catalogue.movie_ids)), model.items_of(2))[0])
    return item, int(model.catalogue.movie_ids[item])


def test_a_rating_joins_its_users_own(model, movie):
    item, movie_id = movie
    user_id = int(model.catalogue.user_ids[2])
    after = model.with_rating(user_id, movie_id, NOW)
    assert after.items_of(2).tolist() == [*model.items_of(2), item]
    assert after.month_of(2) == model.months.count - 1
    for other in (0, 1, 3, len(model.user_ptr) - 2):
        assert after.items_of(other).tolist() == model.items_of(other).tolist()
        assert after.month_of(other) == model.month_of(other)


def test_it_takes_its_place_in_time(model, movie):
    item, movie_id = movie
    user_id = int(model.catalogue.user_ids[2])
    after = model.with_rating(user_id, movie_id, 0)
    assert after.items_of(2).tolist() == [item, *model.items_of(2)]
    times = after.timestamps[after.user_ptr[2] : after.user_ptr[3]]
    assert (np.diff(times) >= 0).all()


def test_the_same_movie_again_is_one_rating_at_the_new_time(model):
    user_id, item = int(model.catalogue.user_ids[2]), int(model.items_of(2)[0])
    movie_id = int(model.catalogue.movie_ids[item])
    after = model.with_rating(user_id, movie_id, NOW).with_rating(user_id, movie_id, NOW)
    assert after.items_of(2).tolist() == [*model.items_of(2)[1:], item]
    assert after.items_of(3).tolist() == model.items_of(3).tolist()


def test_what_cannot_be_is_refused(model, movie):
    user_id, movie_id = int(model.catalogue.user_ids[2]), movie[1]
    with pytest.raises(UnknownUserError, match="unknown user -5: the data has"):
        model.with_rating(-5, movie_id, NOW)
    with pytest.raises(UnknownMovieError, match="unknown movie 0, allowed: the id of one of the data's"):
        model.with_rating(user_id, 0, NOW)
    for when in (-1, float("nan"), float("inf")):
        with pytest.raises(RecommenderError, match=f"timestamp is {when}, allowed: seconds since 1970"):
            model.with_rating(user_id, movie_id, when)
