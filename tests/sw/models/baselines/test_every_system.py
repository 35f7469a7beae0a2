"""What each system must do, whatever it computes."""

from dataclasses import fields

import numpy as np
import pytest

from gatewright.evaluation.protocols import FullRanking
from gatewright.models.baselines import BASELINES, ItemKnn, Popularity
from gatewright.models.baselines.tune import BUDGET, trials
from gatewright.models.data import load_movielens
from gatewright.models.evaluate import popularity_scores
from gatewright.recommender.errors import RecommenderError

PERSONAL = [kind for kind in BASELINES if kind is not Popularity]


@pytest.mark.parametrize("kind", BASELINES, ids=lambda kind: kind.NAME)
def test_scores_are_float32_for_any_users_and_the_same_each_time(kind, tastes):
    train = tastes(40, 60)
    users = np.array([7, 3, 7])
    first, second = (kind().fit(train).scores(users) for _ in range(2))
    assert (first.dtype, first.shape) == (np.float32, (3, 60))
    assert (first == second).all()
    assert (first[0] == first[2]).all()
    assert kind().fit(train).scores(users[:0]).shape == (0, 60)


@pytest.mark.parametrize("sizes", [(2, 9), (9, 2), (5, 5)])
@pytest.mark.parametrize("kind", BASELINES, ids=lambda kind: kind.NAME)
def test_users_and_items_without_ratings_are_scored(kind, sizes, ratings):
    n_users, n_items = sizes
    train = ratings([[], [1, 0], *([[0]] * (n_users - 2))], n_items)
    scores = kind().fit(train).scores(np.arange(n_users))
    assert np.isfinite(scores).all()
    assert len({*scores[1, 2:]}) <= 1  # nothing tells these items apart
    assert (scores[0] == Popularity().fit(train).scores(np.array([0]))[0]).all()


@pytest.mark.parametrize("sizes", [(60, 100), (150, 60)], ids=["more items", "more users"])
@pytest.mark.parametrize("kind", PERSONAL, ids=lambda kind: kind.NAME)
def test_tastes_are_found(kind, sizes, tastes):
    known, held_out = tastes(*sizes).hold_out_latest(0.2)
    protocol = FullRanking(known, held_out)
    options = {"regularisation": 10.0} if "EASE" in kind.NAME else {}
    reached = protocol.measure(kind(**options).fit(known), kind.NAME).all.mean("ndcg")
    assert reached > 1.5 * protocol.measure(Popularity().fit(known), "popularity").all.mean("ndcg")


@pytest.mark.parametrize("kind", BASELINES, ids=lambda kind: kind.NAME)
def test_grids_hold_options_and_take_the_whole_budget(kind):
    options = {field.name: field.default for field in fields(kind)}
    assert set(kind.GRID) <= set(options)
    for point in trials(kind, 10**6):
        kind(**point)
    assert len(trials(kind)) == (BUDGET if kind.GRID else 1)


@pytest.mark.parametrize(
    ("kind", "option"),
    [(kind, name) for kind in PERSONAL for name in kind.GRID if (kind.NAME, name) != ("ItemKNN", "shrinkage")],
    ids=lambda value: getattr(value, "NAME", value),
)
def test_options_that_are_not_above_zero_are_refused(kind, option):
    for value in (0, -1, float("nan")):
        with pytest.raises(RecommenderError, match=f"{option} of {kind.NAME} must lie above 0, got {value}"):
            kind(**{option: value})


def test_no_shrinkage_is_allowed_but_less_is_refused():
    ItemKnn(shrinkage=0.0)
    with pytest.raises(RecommenderError, match=r"shrinkage of ItemKNN must be at least 0, got -0\.5"):
        ItemKnn(shrinkage=-0.5)


def test_names_differ():
    assert len({kind.NAME for kind in BASELINES}) == len(BASELINES)


def test_popularity_is_the_training_report_s():
    data = load_movielens().subset(20)
    assert (Popularity().fit(data).scores(np.arange(20)) == popularity_scores(data, 20)).all()
