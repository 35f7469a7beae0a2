"""Trainings beside each other: in turns, as if each were alone, and on from where they were ended."""

from dataclasses import replace

import pytest

from gatewright.training.fine_tune import FineTuneTask, fine_tune
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.race import Entrant, Race, Way
from gatewright.training.recommendation_loss import RecommendationLoss

LOSS = RecommendationLoss(stretches=6, length=5, least_ratings=0)
PLAN = Plan(steps=30, warm_up=5, validate_every=10, patience=2, checkpoint_every=10)
WAYS = {"full": Way(None, (3e-3,)), "LoRA": Way(Lora(layers=2, targets=TARGETS), (5e-3,))}
ENTRANTS = [Entrant("full", 3e-3, 0), Entrant("LoRA", 5e-3, 0), Entrant("LoRA", 5e-3, 1)]


@pytest.fixture
def race(tastes, tiny_encoder, tmp_path):
    return Race(tastes, PLAN, tmp_path, WAYS, LOSS, tiny_encoder, FineTuneTask)


def run(race, entrants=ENTRANTS):
    turns = []
    found = race.run(entrants, lambda entrant, history: turns.append((entrant, len(history.losses))))
    return found, turns


def test_turns_change_nothing(race, tastes, tiny_encoder):
    found, turns = run(race)
    assert turns[:6] == [(entrant, steps) for steps in (10, 20) for entrant in ENTRANTS]
    for entrant, history in found.items():
        lora = WAYS[entrant.way].lora
        alone = fine_tune(
            tastes, replace(PLAN, learning_rate=entrant.rate, seed=entrant.seed), LOSS,
            lora and replace(lora, seed=entrant.seed), encoder=tiny_encoder,
        )  # fmt: skip
        assert history.losses == alone.history.losses
        assert history.best.quality == alone.history.best.quality
        assert race.trained(entrant).quality() == history.best.quality


def test_it_goes_on_from_where_it_was(race):
    short, turns = run(replace(race, plan=replace(PLAN, steps=10)))
    assert turns == [(entrant, 10) for entrant in ENTRANTS]
    whole, _ = run(race)
    again, _ = run(race)
    assert again == whole  # seconds too: nothing was trained
    for entrant in ENTRANTS:
        assert whole[entrant].looks[:2] == short[entrant].looks


def test_each_has_a_folder_of_its_own():
    others = [Entrant("LoRA, last layer", 1e-3, 0), Entrant("LoRA, last layer", 1e-3, 1), Entrant("full", 1e-3, 0)]
    assert len({entrant.folder for entrant in (*ENTRANTS, *others)}) == 6
    assert others[0].folder == "LoRA-last-layer-0-001-0"
