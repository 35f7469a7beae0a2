"""The hybrid as a system: whatever a system must do, and what only graph, order, text and time together can."""

from dataclasses import fields, replace

import numpy as np
import pytest

from gatewright.evaluation.protocols import FullRanking
from gatewright.models.baselines import Popularity
from gatewright.models.baselines.tune import BUDGET, trials
from gatewright.models.experts import Hybrid
from gatewright.models.text_vectors import text_vectors
from gatewright.recommender.errors import RecommenderError

QUICK = Hybrid(16, near_reach=2.0, next_reach=2.0, half_life=2.0, text_width=8, graph_width=8, graph_steps=30)


@pytest.fixture(autouse=True)
def cache(shared_cache, monkeypatch):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))


@pytest.fixture
def films(ratings):
    """Some watch films of war, others of love; of two new ones that nobody has rated, one is of each kind."""
    titles = (
        ["War, soldiers, battle"] * 4
        + ["Romance, wedding, love"] * 4
        + ["Battle of soldiers in war", "A wedding of love"]
    )
    rated = ratings([[0, 1, 2, 3], [4, 5, 6, 7]] * 6, 10)
    return replace(rated, titles=tuple(titles), genres=("(no genres listed)",) * 10)


def test_scores_are_float32_for_any_users_and_the_same_each_time(tastes):
    train = tastes(24, 36)
    users = np.array([7, 3, 7])
    first, second = (QUICK.fit(train).scores(users) for _ in range(2))
    assert (first.dtype, first.shape) == (np.float32, (3, 36))
    assert (first == second).all()
    assert (first[0] == first[2]).all()
    assert QUICK.fit(train).scores(users[:0]).shape == (0, 36)


@pytest.mark.parametrize("sizes", [(2, 9), (9, 2), (5, 5)])
def test_users_and_items_without_ratings_are_scored(sizes, ratings):
    n_users, n_items = sizes
    train = ratings([[], [1, 0], *([[0]] * (n_users - 2))], n_items)
    scores = QUICK.fit(train).scores(np.arange(n_users))
    assert np.isfinite(scores).all()


def test_nobody_has_two_ratings(ratings):
    assert np.isfinite(QUICK.fit(ratings([[0], [1]], 3)).scores(np.arange(2))).all()


def test_tastes_are_found(tastes):
    known, held_out = tastes(60, 100).hold_out_latest(0.2)
    protocol = FullRanking(known, held_out)
    reached = protocol.measure(QUICK.fit(known), "hybrid").all.mean("ndcg")
    assert reached > 1.5 * protocol.measure(Popularity().fit(known), "popularity").all.mean("ndcg")


def test_order_is_found(ratings, rng):
    """Users walk a ring of items in one direction; who came to the same item will go on the same way."""
    starts = rng.integers(40, size=120)
    known = ratings([[(start + n) % 40 for n in range(8)] for start in starts], 40)
    held_out = ratings([[(start + 8) % 40] for start in starts], 40)
    assert FullRanking(known, held_out).measure(QUICK.fit(known), "hybrid").all.mean("ndcg") > 0.8


def test_a_new_rating_changes_what_is_said_without_training(tastes):
    train = tastes(24, 36)
    condensed = QUICK.learn(train).condensed
    user = np.array([5])
    new = np.setdiff1d(np.arange(36), train.items[train.user_ptr[5] : train.user_ptr[6]])[0]
    at = train.user_ptr[6]
    more = replace(
        train,
        users=np.insert(train.users, at, 5),
        items=np.insert(train.items, at, new),
        ratings=np.insert(train.ratings, at, 3.5),
        timestamps=np.insert(train.timestamps, at, train.timestamps[at - 1]),
    )
    before, after = (condensed.hear(known) for known in (train, more))
    assert not np.allclose(before.scores(user), after.scores(user))
    others = np.delete(np.arange(24), 5)
    assert (before.scores(others) == after.scores(others)).all()


def test_items_that_nobody_rated_rank_by_their_text(films):
    """Two new films stand side by side: the one that reads like what this user rates comes before the other."""
    soldier, bride = replace(QUICK, text_width=2).fit(films).scores(np.arange(2))
    assert soldier[8] > soldier[9]
    assert bride[9] > bride[8]


def test_opinions_are_of_one_scale(tastes):
    train = tastes(24, 36)
    apart = QUICK.panel(train).hear(train).apart(np.array([3, 11]))
    np.testing.assert_allclose(apart.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(apart[..., :2].std(axis=1), 1, atol=1e-2)


def test_a_query_brings_up_what_it_names_also_if_nobody_has_rated_it(films):
    learnt = replace(QUICK, text_width=2).learn(films)
    (typed,) = learnt.condensed.typed(learnt.question(text_vectors(["soldiers in battle"]))) @ learnt.condensed.values.T
    assert typed.argmax() == 8
    assert typed[:4].min() > typed[4:8].max()


def test_the_grid_takes_the_whole_budget():
    assert len(trials(Hybrid)) == BUDGET
    for point in trials(Hybrid):
        Hybrid(**point)


@pytest.mark.parametrize("option", [option.name for option in fields(Hybrid) if option.name != "seed"])
def test_options_that_are_not_above_zero_are_refused(option):
    for value in (0, -1, float("nan")):
        with pytest.raises(RecommenderError, match=f"{option} of hybrid must lie above 0, got {value}"):
            Hybrid(**{option: value})
