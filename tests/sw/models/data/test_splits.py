"""Splits: every rating in one part, parts in the order of time, ties by their seed alone."""

from dataclasses import astuple
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.models.data import load_movielens
from gatewright.models.data.assemble import assemble
from gatewright.models.data.split_counts import PartCounts, SplitCounts
from gatewright.models.data.splits import GlobalTimeSplit, UserTimeSplit, shuffles, split
from gatewright.recommender.errors import DataError, RecommenderError

RATING = st.tuples(st.integers(1, 6), st.integers(1, 12))  # user, movie
SHARE = st.sampled_from([0.1, 0.25, 0.4])


def _data(rows):
    """Ratings of rows (user, movie, stars, time)."""
    columns = zip(*rows, strict=True)
    names = ("userId", "movieId", "rating", "timestamp")
    titles = {movie: (f"movie {movie}", "") for _, movie, _, _ in rows}
    return assemble("here", dict(zip(names, columns, strict=True)), titles)


@st.composite
def _rows(draw):
    """Rows with few different times, so that most ratings are in ties."""
    pairs = draw(st.lists(RATING, min_size=2, max_size=40, unique=True))
    return [(user, movie, draw(st.integers(1, 5)), draw(st.integers(100, 103))) for user, movie in pairs]


def _ratings(data):
    return list(
        zip(data.users.tolist(), data.items.tolist(), data.ratings.tolist(), data.timestamps.tolist(), strict=True)
    )


def _all(made):
    return [_ratings(part) for part in (made.train, made.validation, made.test)]


@st.composite
def _cases(draw):
    """Ratings and a rule that leaves something to train on and to test."""
    data = _data(draw(_rows()))
    seed = draw(st.integers(0, 5))
    if draw(st.booleans()):
        times = sorted({*data.timestamps.tolist()})
        if len(times) > 1:
            second = draw(st.sampled_from(times[1:]))
            return data, GlobalTimeSplit(draw(st.integers(times[0] + 1, second)), second, seed)
    rule = UserTimeSplit(draw(st.sampled_from([0.0, 0.1, 0.25, 0.4])), draw(SHARE), seed)
    return _data([(1, 1, 3, 100), (1, 2, 3, 100), *((u + 1, m, s, t) for u, m, s, t in _ids(data))]), rule


def _ids(data):
    return [(int(data.user_ids[u]), int(data.movie_ids[i]), s, t) for u, i, s, t in _ratings(data)]


@given(_cases())
@settings(deadline=None, max_examples=60)
def test_no_rating_is_lost_or_there_twice_and_parts_follow_each_other_in_time(case):
    data, rule = case
    made = split(data, rule)
    assert sorted(chain(*_all(made))) == sorted(_ratings(data))
    for user in range(data.n_users):
        times = [part.timestamps[part.users == user] for part in (made.train, made.validation, made.test)]
        assert (np.diff(np.concatenate(times)) >= 0).all()
        if isinstance(rule, UserTimeSplit):
            total, test = sum(map(len, times)), len(times[2])
            assert len(times[0]) >= 1
            assert test == min(total - 1, max(1, int(total * rule.test)))
            assert len(times[1]) == (rule.validation > 0) * min(total - 1 - test, max(1, int(total * rule.validation)))
    if isinstance(rule, GlobalTimeSplit):
        assert made.train.timestamps.max() < rule.validation_from
        assert made.test.timestamps.min() >= rule.test_from
        assert all(rule.validation_from <= time < rule.test_from for time in made.validation.timestamps)


@given(_rows(), st.randoms(use_true_random=False), st.integers(0, 5))
@settings(deadline=None, max_examples=40)
def test_the_order_of_the_input_does_not_matter(rows, random, seed):
    data = _data([(9, 1, 3, 1), (9, 2, 3, 1), *rows])
    others = [(9, 1, 3, 1), (9, 2, 3, 1), *rows]
    random.shuffle(others)
    shuffled = _data(others)
    order = np.random.default_rng(seed).permutation(len(data.users))
    in_any_order = data.select(order[np.argsort(data.users[order], kind="stable")])
    rule = UserTimeSplit(seed=seed)
    assert _all(split(data, rule)) == _all(split(shuffled, rule)) == _all(split(in_any_order, rule))


@given(_cases())
@settings(deadline=None, max_examples=40)
def test_counts_are_those_of_a_slow_count(case):
    data, rule = case
    made = split(data, rule)
    parts = _all(made)
    trained = [{row[column] for row in parts[0]} for column in (0, 1)]
    cold = [[row[column] for row in parts[2] if row[column] not in trained[column]] for column in (0, 1)]
    by_second = {(row[0], row[3]): set() for row in chain(*parts)}
    for number, part in enumerate(parts):
        for row in part:
            by_second[row[0], row[3]].add(number)
    assert made.counts == SplitCounts(
        *(PartCounts(len({row[0] for row in part}), len({row[1] for row in part}), len(part)) for part in parts),
        cold_users=len({*cold[0]}),
        cold_items=len({*cold[1]}),
        cold_user_ratings=len(cold[0]),
        cold_item_ratings=len(cold[1]),
        users_decided_by_tie=len({user for (user, _), found in by_second.items() if len(found) > 1}),
    )


def test_every_rating_of_a_tie_is_held_out_about_as_often():
    data = _data([(1, movie, 3, 100) for movie in range(1, 6)])
    held = [int(split(data, rule).test.items[0]) for rule in shuffles(UserTimeSplit(0, 0.1), 500)]
    assert (np.bincount(held, minlength=5) > 60).all()  # about 100 each


def test_without_ties_no_seed_matters():
    data = _data([(user, movie, 3, 100 + 7 * movie % 13) for user in (1, 2) for movie in range(1, 10)])
    first, *others = (split(data, rule) for rule in shuffles(UserTimeSplit()))
    assert first.counts.users_decided_by_tie == 0
    assert all(_all(other) == _all(first) for other in others)


def test_the_shuffle_of_a_seed_never_changes():
    data = _data([(1, movie, 3, 100) for movie in range(1, 9)])
    assert split(data, UserTimeSplit(0.25, 0.25, seed=0)).test.items.tolist() == [4, 5]
    assert split(data, UserTimeSplit(0.25, 0.25, seed=1)).test.items.tolist() == [3, 1]


def test_the_packaged_data():
    data = load_movielens()
    made = split(data, UserTimeSplit(0, 0.1))
    train, held = data.hold_out_latest(0.1)
    assert np.array_equal(made.train.user_ptr, train.user_ptr)
    assert np.array_equal(made.test.timestamps, held.timestamps)
    assert made.counts == SplitCounts(
        PartCounts(671, 8403, 90282), PartCounts(0, 0, 0), PartCounts(671, 4286, 9722), 0, 663, 0, 725, 149
    )


def test_shares_of_all_ratings_become_times():
    data = _data([(user, movie, 3, 10 * movie + user) for user in (1, 2) for movie in range(1, 11)])
    rule = GlobalTimeSplit.of_shares(data, 0.2, 0.1)
    assert (rule.validation_from, rule.test_from) == (81, 101)
    assert [len(part) for part in _all(split(data, rule))] == [14, 4, 2]
    assert GlobalTimeSplit.of_shares(data, 0, 0.1) == GlobalTimeSplit(101, 101)


def test_users_and_items_that_training_has_not_seen_are_counted():
    rows = [(1, 1, 3, 100), (1, 2, 3, 101), (2, 3, 3, 200), (3, 1, 3, 201), (3, 4, 3, 202)]
    counts = split(_data(rows), GlobalTimeSplit(150, 200)).counts
    assert astuple(counts)[3:] == (2, 2, 3, 2, 0)


def test_the_seed_is_part_of_what_a_split_is():
    rules = [*shuffles(UserTimeSplit()), *shuffles(GlobalTimeSplit(1, 2)), UserTimeSplit(0.1, 0.1000001)]
    assert len({rule.identity for rule in rules}) == 11
    assert [rule.seed for rule in shuffles(UserTimeSplit(seed=3), 2)] == [3, 4]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UserTimeSplit(0.5, 0.5), "validation share 0.5 and test share 0.5, allowed"),
        (lambda: UserTimeSplit(0.1, 0), "test above 0"),
        (lambda: UserTimeSplit(-0.1, 0.1), "validation share -0.1"),
        (lambda: UserTimeSplit(float("nan"), 0.1), "validation share nan"),
        (lambda: UserTimeSplit(seed=-1), "seed of the ties is -1, allowed: from 0"),
        (lambda: GlobalTimeSplit(1, 2, -1), "seed of the ties is -1"),
        (lambda: GlobalTimeSplit(3, 2), "validation from 3, allowed: up to the begin of the test, 2"),
    ],
)
def test_rules_that_make_no_sense_are_refused(make, message):
    with pytest.raises(RecommenderError, match=message):
        make()


@pytest.mark.parametrize(("bounds", "part"), [((50, 60), "train"), ((110, 120), "test")])
def test_a_split_that_leaves_nothing_is_refused(bounds, part):
    data = _data([(1, 1, 3, 100), (1, 2, 3, 101)])
    with pytest.raises(DataError, match=f"no rating is left to {part}, of 2 from 100 to 101"):
        split(data, GlobalTimeSplit(*bounds))


def test_no_ratings_at_all_are_refused():
    data = _data([(1, 1, 3, 100), (1, 2, 3, 101)])
    with pytest.raises(DataError, match=r"no rating is left to train$"):
        split(data.select(np.zeros(2, bool)), UserTimeSplit())
