"""What each system of learnt vectors must do, whatever it learns; small and quick."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from gatewright.evaluation.protocols import FullRanking
from gatewright.models.baselines import Popularity
from gatewright.models.baselines.tune import BUDGET, trials
from gatewright.models.systems import NEURAL_BUDGET, SYSTEMS, Bpr, GraphAlone, SasRec, TextAlone
from gatewright.recommender.errors import RecommenderError

QUICK = (
    TextAlone(),
    Bpr(dimensions=16, epochs=30, learning_rate=0.02, batch=128),
    GraphAlone(steps=30),
    SasRec(width=16, layers=1, length=8, epochs=3, batch=16),
)
TRAINED = [system for system in QUICK if not isinstance(system, TextAlone)]


def _name(system):
    return system.NAME


@pytest.fixture(autouse=True)
def cache(shared_cache, monkeypatch):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(shared_cache))


def test_every_system_is_tried():
    assert tuple(map(type, QUICK)) == SYSTEMS
    assert len({kind.NAME for kind in SYSTEMS}) == len(SYSTEMS)


@pytest.mark.parametrize("system", QUICK, ids=_name)
def test_scores_are_float32_for_any_users_and_the_same_each_time(system, tastes):
    train = tastes(24, 36)
    users = np.array([7, 3, 7])
    before = torch.random.get_rng_state()
    first, second = (system.fit(train).scores(users) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before)  # nobody else's chance is touched
    assert (first.dtype, first.shape) == (np.float32, (3, 36))
    assert (first == second).all()
    assert (first[0] == first[2]).all()
    assert system.fit(train).scores(users[:0]).shape == (0, 36)


@pytest.mark.parametrize("system", TRAINED, ids=_name)
def test_another_seed_is_another_model(system, tastes):
    train = tastes(24, 36)
    one, other = (replace(system, seed=seed).fit(train).scores(np.arange(24)) for seed in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("sizes", [(2, 9), (9, 2), (5, 5)])
@pytest.mark.parametrize("system", QUICK, ids=_name)
def test_users_and_items_without_ratings_are_scored(system, sizes, ratings):
    n_users, n_items = sizes
    histories = [[], [1, 0], *([[0]] * (n_users - 3)), []]
    train = ratings(histories[:n_users], n_items)
    scores = system.fit(train).scores(np.arange(n_users))
    assert np.isfinite(scores).all()
    popular = Popularity().fit(train).scores(np.array([0]))[0]
    cold = [user for user in range(n_users) if not histories[user]]
    assert all((scores[user] == popular).all() for user in cold)
    if not isinstance(system, TextAlone):  # which tells also these items apart
        assert len({*scores[1, 2:]}) <= 1
        assert (scores[1, 2:] == scores[1].min()).all()


@pytest.mark.parametrize("system", TRAINED[:2], ids=_name)
def test_tastes_are_found(system, tastes):
    known, held_out = tastes(60, 100).hold_out_latest(0.2)
    protocol = FullRanking(known, held_out)
    reached = protocol.measure(system.fit(known), system.NAME).all.mean("ndcg")
    assert reached > 1.5 * protocol.measure(Popularity().fit(known), "popularity").all.mean("ndcg")


@pytest.mark.parametrize("kind", SYSTEMS, ids=_name)
def test_grids_hold_options_and_take_the_whole_budget(kind):
    assert set(kind.GRID) <= {field.name for field in fields(kind)}
    for point in trials(kind, 10**6):
        kind(**point)
    assert len(trials(kind, 10**6)) == (BUDGET if kind is TextAlone else NEURAL_BUDGET)


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        (kind, field.name)
        for kind in SYSTEMS
        for field in fields(kind)
        if field.name not in ("seed", "centred", "dropout")
    ],
    ids=lambda value: getattr(value, "NAME", value),
)
def test_options_that_are_not_above_zero_are_refused(kind, option):
    for value in (0, -1, float("nan")):
        with pytest.raises(RecommenderError, match=f"{option} of {kind.NAME} must lie above 0, got {value}"):
            kind(**{option: value})


@pytest.mark.parametrize("value", [1.0, -0.1, float("nan")])
def test_a_dropout_of_all_is_refused(value):
    with pytest.raises(RecommenderError, match=f"dropout of SASRec must lie from 0 to below 1, got {value}"):
        SasRec(dropout=value)


def test_the_order_of_ratings_is_learnt(ratings, rng):
    """Each item is followed by the next of a ring: who knows what came last knows what comes."""
    starts = rng.integers(12, size=40)
    train = ratings([[(start + step) % 12 for step in range(7)] for start in starts], 12)
    reader = SasRec(width=16, layers=1, length=8, epochs=60, batch=20, learning_rate=0.01, dropout=0.1)
    found = reader.fit(train).scores(np.arange(40)).argmax(axis=1)
    assert ((starts + 7) % 12 == found).mean() > 0.9


def test_text_finds_what_reads_alike(ratings):
    titles = (
        "Star Trek: First Contact (1996)",
        "Emma (1996)",
        "Star Trek: Insurrection (1998)",
        "Sense and Sensibility (1995)",
    )
    genres = ("Action|Sci-Fi", "Comedy|Drama|Romance", "Action|Sci-Fi", "Drama|Romance")
    train = replace(ratings([[0], [1], [1, 0]], 4), titles=titles, genres=genres)
    scores = TextAlone(half_life=0.5).fit(train).scores(np.arange(3))
    assert [row[2] > row[3] for row in scores] == [True, False, True]  # the last user rated the first item last
