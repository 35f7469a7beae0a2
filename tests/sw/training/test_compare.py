"""Ways to fine-tune held against each other: the rate that validation likes best, costs to one quality, the table."""

import numpy as np
import pytest

from gatewright.evaluation.quality import Quality
from gatewright.training.compare import Reached, Row, compare, table
from gatewright.training.fine_tune import FineTuneTask
from gatewright.training.history import Look
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.race import WAYS, Race, Way
from gatewright.training.recommendation_loss import RecommendationLoss

LOSS = RecommendationLoss(stretches=6, length=5, least_ratings=0)
PLAN = Plan(steps=20, warm_up=5, validate_every=10, checkpoint_every=10)


@pytest.fixture
def rows(tastes, tiny_encoder, tmp_path):
    ways = {"full": Way(None, (1e-6, 3e-3)), "LoRA": Way(Lora(layers=2, targets=TARGETS), (5e-3, 1e-6))}
    return compare(Race(tastes, PLAN, tmp_path, ways, LOSS, tiny_encoder, FineTuneTask), seeds=2, tries=10)


def test_rates_are_chosen_and_looks_are_counted(rows):
    full, lora = rows
    assert [row.rate for row in rows] == [3e-3, 5e-3]
    for row in rows:
        assert max(row.rates, key=row.rates.get) == f"{row.rate:g}"
        assert row.best[0] >= row.rates[f"{row.rate:g}"]
        assert len(row.best) == 2
        assert all(len(seeds) == 2 for seeds in row.reached.values())
    assert lora.parameters < full.parameters / 10
    assert lora.optimizer_bytes < full.optimizer_bytes / 10
    assert [each.own.quality for each in full.reached["100% of the gain"]] == list(full.best)
    for seed, each in enumerate(lora.reached["the best of both"]):
        assert min(each.own.quality, each.first.quality) >= min(full.best[seed], lora.best[seed])
        assert each.own.step <= 20
    found = full.reached["50% of the gain"][0]
    assert found.own == found.first
    assert full.test.values["ndcg"].shape == (40,)


def test_all_ways_try_as_many_rates():
    assert {len(way.rates) for way in WAYS.values()} == {3}


def row(name, reached):
    test = Quality(10, np.arange(4), {"ndcg": np.array([0.1, 0.2, 0.3, 0.4])})
    return Row(name, {"0.1": 0.2}, 0.1, 1234, 5_600_000, 0.75, (0.25, 0.26), {"95% of the gain": reached}, test)


def look(steps, looks):
    return Look(10, 0.0, steps, looks, 0.3)


def test_the_table():
    slow, fast = look(30.0, 10.0), look(8.0, 2.0)
    rows = [
        row("full", (Reached(slow, slow), Reached(slow, slow))),
        row("quick", (Reached(fast, slow), Reached(look(15.0, 5.0), slow))),
        row("half", (Reached(fast, slow), Reached(None, slow))),
        row("poor", (Reached(None, slow), Reached(None, slow))),
    ]
    lines = table(rows).splitlines()
    assert lines[2].startswith("| full | 1,234 | 5.6 MB | 0.75 | 0.1 | 0.2500 0.2600 | 0.2500 [")
    assert lines[-1] == (
        "| 95% of the gain | 40 (100%; 100% to 100%) | 15 (38%; 25% to 50%) | 10 (25%; 25% to 25%, 1 of 2 seeds) | "
        "not reached |"
    )
