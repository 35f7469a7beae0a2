"""Ways to fine-tune beside each other: in turns, to one quality, and on from where it was ended."""

import numpy as np
import pytest

from gatewright.training.compare import Way, compare, table
from gatewright.training.fine_tune import fine_tune
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss

LOSS = RecommendationLoss(stretches=6, length=5, least_ratings=0)
PLAN = Plan(steps=30, warm_up=5, validate_every=10, patience=2, checkpoint_every=10)
WAYS = {"full": Way(None, 3e-3), "LoRA": Way(Lora(layers=2, targets=TARGETS), 5e-3)}


@pytest.fixture
def compared(tastes, tiny_encoder, tmp_path):
    def run(plan):
        turns = []
        common, rows = compare(
            tastes, plan, tmp_path, WAYS, loss=LOSS, encoder=tiny_encoder,
            progress=lambda name, history: turns.append((name, len(history.losses))),
        )  # fmt: skip
        return common, rows, turns

    return run


def test_turns_change_nothing_and_end_at_one_quality(compared, tastes, tiny_encoder):
    common, rows, turns = compared(PLAN)
    assert turns[:4] == [("full", 10), ("LoRA", 10), ("full", 20), ("LoRA", 20)]
    apart = {
        name: fine_tune(tastes, Plan(**{**vars(PLAN), "learning_rate": way.learning_rate}), LOSS, way.lora,
                        encoder=tiny_encoder).history
        for name, way in WAYS.items()
    }  # fmt: skip
    for row in rows:
        assert row.best == apart[row.name].best.quality
        assert row.parameters == apart[row.name].parameters
    assert common == min(row.best for row in rows)
    for row in rows:
        first = next(look for look in apart[row.name].looks if look.quality >= common)
        assert row.steps == first.step
    assert rows[1].parameters < rows[0].parameters / 10
    assert rows[1].optimizer_bytes < rows[0].optimizer_bytes / 10


def test_it_goes_on_from_where_it_was(compared):
    short = compared(Plan(**{**vars(PLAN), "steps": 10}))
    assert short[2] == [("full", 10), ("LoRA", 10)]
    common, rows, _ = compared(PLAN)
    again = compared(PLAN)
    assert (again[0], again[1]) == (common, rows)  # seconds too: nothing was trained


def test_the_table_has_a_line_a_way(compared):
    common, rows, _ = compared(Plan(**{**vars(PLAN), "steps": 10}))
    lines = table(common, rows).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith(f"| full | {rows[0].parameters:,} | ")
    assert np.isclose(float(lines[3].split("|")[-2]), rows[1].best, atol=1e-4)
