"""Rows of the training package as lines of the table."""

from pathlib import Path

import numpy as np
import pytest

from gatewright.comparison.row import Splits
from gatewright.evaluation.quality import Quality
from gatewright.models.data.splits import UserTimeSplit
from gatewright.reproduction import encoders, fine_tuning
from gatewright.reproduction.encoders import Encoders
from gatewright.reproduction.experiment import Setting
from gatewright.reproduction.fine_tuning import GOAL, FineTuning
from gatewright.training.compare import Reached, Row
from gatewright.training.history import Look
from gatewright.training.variants import Row as EncoderRow

QUALITY = Quality(10, np.arange(3), {"ndcg": np.array([0.1, 0.2, 0.3])})


@pytest.fixture
def setting(data, tmp_path) -> Setting:
    return Setting(Splits(data, 10), UserTimeSplit(), tmp_path)


def _look(seconds: float) -> Look:
    return Look(step=5, seconds=99.0, cpu_seconds=seconds, look_seconds=1.0, quality=0.5)


def _row(name: str, reached: tuple[Reached, ...]) -> Row:
    return Row(name, {"0.001": 0.5}, 0.001, 1000, 8000, 0.25, (0.5,), {GOAL: reached}, QUALITY)


def test_seconds_are_means_over_the_seeds_in_which_both_got_there(setting, monkeypatch):
    rows = [
        _row("full", (Reached(_look(19), _look(19)), Reached(_look(39), _look(39)))),
        _row("LoRA", (Reached(_look(9), _look(19)), Reached(None, _look(39)))),
        _row("never", (Reached(None, _look(19)),)),
    ]
    races = []

    def compared(race, seeds, progress):
        races.append((race, seeds))
        return rows

    monkeypatch.setattr(fine_tuning, "compare", compared)
    found = FineTuning(("full", "LoRA, all linear, last layer"), steps=7, rates=1, seeds=2).run(setting)
    ((race, seeds),) = races
    assert (race.plan.steps, race.folder, seeds) == (7, setting.folder, 2)
    assert [way.rates for way in race.ways.values()] == [(3e-4,), (3e-3,)]
    full, lora, never = found.lines
    assert (full.seconds, full.against) == (30, "")
    assert (lora.seconds, lora.against) == (10, full.name)
    assert lora.facts[f"CPU s to {GOAL}"] == "10 of 20, 1 of 2 seeds"
    assert lora.facts["of full fine-tuning's"] == "50%"
    assert never.seconds is None
    assert never.facts[f"CPU s to {GOAL}"] == "not reached"
    assert [(cost["seconds"], cost["full"]) for cost in found.pictured["costs"]] == [(30, 30), (10, 20), (None, None)]


def test_encoders_stand_in_every_system_beside_the_first(setting, monkeypatch):
    rows = [
        EncoderRow("float", 6, 22, 0.0, 1000, 1.0, {"LM alone": QUALITY, "hybrid": QUALITY}),
        EncoderRow("student", 3, 11, 7.0, 500, 0.9, {"LM alone": QUALITY, "hybrid": QUALITY}),
    ]
    asked: list[tuple[Path, str]] = []

    def made(data, folder, *, config, progress):
        asked.append((folder, config))
        return ["float", "student"]

    monkeypatch.setattr(encoders, "made", made)
    monkeypatch.setattr(encoders, "measured", lambda data, variants, shuffles, progress: rows)
    lines = Encoders(shuffles=1).run(setting).lines
    assert asked == [(setting.folder, "pynq-z2")]
    assert [(line.name, line.against, line.seconds) for line in lines] == [
        ("LM alone, text encoder: float", "", None),
        ("LM alone, text encoder: student", "LM alone, text encoder: float", 7.0),
        ("hybrid, text encoder: float", "", None),
        ("hybrid, text encoder: student", "hybrid, text encoder: float", 7.0),
    ]
    assert lines[1].facts["times fewer"] == "2.00"
