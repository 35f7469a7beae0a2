"""Rows made by several processes are those that one finds; the first that fails ends them all."""

from multiprocessing import active_children

import pytest

from gatewright.comparison import row
from gatewright.comparison.plan import ENTRIES, Entry, Plan
from gatewright.comparison.report import compared
from gatewright.comparison.workers import STAGE, measure_ahead
from gatewright.evaluation.quality import as_json
from gatewright.models.baselines import Ials, Popularity
from gatewright.recommender.errors import DataError

POPULARITY, IALS = Entry(Popularity), Entry(Ials, budget=1)


def test_rows_of_processes_are_those_of_one(data, monkeypatch, tmp_path):
    plan = Plan((POPULARITY, IALS), shuffles=2, seeds=2)
    stages = []
    measure_ahead(data, plan, 2, lambda *stage: stages.append(stage))
    assert stages == [(STAGE, done, 4) for done in (1, 2, 3, 4)]
    with monkeypatch.context() as patch:
        patch.setattr(row, "tune", pytest.fail)  # all is there
        ahead = as_json(compared(data, plan))
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "other"))
    alone = as_json(compared(data, plan))
    assert ahead["cells"] == alone["cells"]
    assert ahead["comparisons"] == alone["comparisons"]


def test_the_first_failure_ends_all(data):
    before = set(active_children())
    with pytest.raises(DataError, match="no rating is left to train"):
        measure_ahead(data.select(data.users < 0), Plan((POPULARITY, ENTRIES["EASE"]), shuffles=1), 2)
    assert set(active_children()) <= before
