"""A whole comparison: every row once, pooled, tested, and the same again from the cache."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gatewright.comparison.errors import ComparisonError
from gatewright.comparison.plan import ENTRIES, Plan
from gatewright.comparison.protocols import FULL, PARTS, RERANKING, SAMPLED
from gatewright.comparison.report import compared, rows_of
from gatewright.comparison.row import Splits
from gatewright.evaluation.errors import ScoreError
from gatewright.evaluation.protocols import FullRanking
from gatewright.evaluation.quality import as_json
from gatewright.models.baselines.tune import joined
from gatewright.models.data.splits import UserTimeSplit, split


@pytest.fixture
def plan(entries):
    return Plan(entries, UserTimeSplit(test=0.2), shuffles=2, seeds=3)


def _rows(data, plan, progress=None):
    return list(rows_of(Splits(data, plan.k), plan, progress))


def _cells(report):
    return {(cell.system, cell.protocol, cell.metric): cell for cell in report.cells}


def test_every_system_of_the_models_has_a_place():
    assert len(ENTRIES) == 11
    seeded = [entry.name for entry in ENTRIES.values() if entry.seeded]
    assert seeded == ["iALS", "BPR-MF", "LightGCN", "SASRec", "hybrid"]


def test_each_row_is_trained_once_and_the_second_time_not_at_all(data, plan, fitted):
    stages = []
    first = compared(data, plan, lambda stage, done, total: stages.append((stage, done, total)))
    validated, tested = 40 * 9, 40 * 10
    # a system is tuned on each split; one trial of each point of its grid, then each seed for the test
    once = [("counts", validated)] * 3 + [("counts", tested)] + [("chance", validated)] + [("chance", tested)] * 3
    assert fitted == once * 2
    assert stages[0] == ("rows", 0, 8)
    assert stages[-1] == ("rows", 8, 8)
    fitted.clear()
    again = compared(data, plan)
    assert fitted == []
    assert as_json(again) == as_json(first)


def test_a_comparison_goes_on_where_it_was_broken_off(data, plan, fitted):
    def stop(stage, done, total):
        if (stage, done) == ("rows", 5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _rows(data, plan, stop)
    before = len(fitted)
    _rows(data, plan)
    assert len(fitted) == 16
    assert before < 16


@pytest.mark.parametrize("change", ["data", "budget", "split", "k"])
def test_what_changes_a_row_makes_it_anew(data, plan, fitted, change):
    plan = replace(plan, shuffles=1, seeds=1)
    _rows(data, plan)
    fitted.clear()
    if change == "data":
        data = replace(data, ratings=data.ratings % 5 + 1)
    elif change == "budget":
        plan = replace(plan, entries=tuple(replace(entry, budget=2) for entry in plan.entries))
    elif change == "split":
        plan = replace(plan, rule=replace(plan.rule, test=0.3))
    else:
        plan = replace(plan, k=5)
    _rows(data, plan)
    again = {"data": 2, "split": 2, "k": 1, "budget": 0}  # trainings: its trial is that of any list's length and budget
    assert [name for name, _ in fitted].count("chance") == again[change]


def test_a_larger_budget_takes_what_a_smaller_one_has_tried(data, plan, fitted):
    counts = plan.entries[0]
    for budget, trials in ((2, 2), (3, 1)):
        fitted.clear()
        _rows(data, replace(plan, shuffles=1, entries=(replace(counts, budget=budget),)))
        assert [n for _, n in fitted].count(40 * 9) == trials


def test_figures_are_means_over_shuffles_seeds_and_users(data, plan, entries):
    cells = _cells(compared(data, plan))
    expected = np.zeros((2, 3))
    for row, rule in enumerate(plan.rules):
        parts = split(data, rule)
        known = joined(parts.train, parts.validation)
        for seed in range(3):
            found = FullRanking(known, parts.test).measure(entries[1].kind(seed=seed).fit(known), "chance")
            expected[row, seed] = found.all.mean("ndcg")
    cell = cells["chance", FULL, "ndcg"]
    assert cell.users == 40
    assert cell.mean == pytest.approx(expected.mean())
    assert cell.interval.low < cell.mean < cell.interval.high
    assert (cell.shuffles.least, cell.shuffles.most) == pytest.approx(sorted(expected.mean(axis=1)))
    assert cell.shuffles.seeds == 2
    assert cell.seeds.deviation == pytest.approx(expected.mean(axis=0).std(ddof=1))
    assert cell.seeds.seeds == 3
    assert cells["counts", FULL, "ndcg"].seeds is None  # chance has no part in it


def test_every_protocol_is_there_and_cold_items_apart(data, plan):
    report = compared(data, plan)
    cells = _cells(report)
    assert {protocol for _, protocol, _ in cells} == {FULL, SAMPLED, RERANKING, *PARTS} - {f"{FULL}, cold users"}
    assert {metric for _, protocol, metric in cells if protocol == RERANKING} == {
        "ndcg_linear", "ndcg_linear_random", "ndcg_exponential", "ndcg_exponential_random"
    }  # fmt: skip
    cold = cells["counts", f"{FULL}, cold items", "ndcg"]
    assert cold.users == 2
    assert cold.mean < 0.2 < cells["counts", f"{FULL}, warm items", "ndcg"].mean
    assert report.cold.item_ratings == pytest.approx(2 / 80)
    assert report.cold.user_ratings == 0
    assert report.cold.users_decided_by_tie == 1  # what is validated shares its second with what is trained on


def test_the_best_on_validation_is_held_against_the_others(data, plan):
    report = compared(data, plan)
    (found,) = report.comparisons
    assert (found.better, found.than) == ("counts", "chance")
    assert found.shown
    assert [chosen.options for chosen in report.chosen] == [({"share": 1.0},) * 2, ({},) * 2]
    assert [chosen.trials for chosen in report.chosen] == [3, 1]
    asked = compared(data, replace(plan, pairs=(("chance", "counts"), ("counts", "chance"))))
    assert [each.shown for each in asked.comparisons] == [False, True]
    assert asked.comparisons[1].p_holm >= found.p_holm  # of two tests, not of one


def test_a_system_that_gives_nan_is_named(data, plan, monkeypatch):
    kind = plan.entries[0].kind
    fit = kind.fit
    monkeypatch.setattr(kind, "fit", lambda self, train: replace(fit(self, train), values=np.full((40, 40), np.nan)))
    with pytest.raises(ScoreError, match=r"^counts with \{'share': 0\.0\} scores item index 0 for user index 0 as NaN"):
        _rows(data, plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shuffles": 0}, "shuffles of a comparison is 0, allowed: from 1"),
        ({"seeds": -1}, "seeds of a comparison is -1"),
        ({"k": 0}, "k of a comparison is 0"),
        ({"entries": ()}, "needs systems of different names, got none"),
        ({"pairs": (("counts", "hybrid"),)}, "hybrid is to be compared, but not measured, allowed: counts, chance"),
        ({"pairs": (("counts", "counts"),)}, "counts is to be compared with itself"),
    ],
)
def test_plans_that_make_no_sense_are_refused(plan, change, message):
    with pytest.raises(ComparisonError, match=message):
        replace(plan, **change)


def test_a_system_twice_is_refused(entries):
    with pytest.raises(ComparisonError, match="different names, got counts, chance, counts"):
        Plan((*entries, entries[0]))


def test_a_report_is_json(data, plan):
    told = json.loads(json.dumps(as_json(compared(data, plan)), allow_nan=False))
    assert told["split"] == "latest of each user, validation 0.1, test 0.2, ties 0"
    assert told["fingerprint"] == data.fingerprint
    assert told["cells"][0]["interval"]["users"] == 40
    assert told["caveats"].keys() == {SAMPLED, RERANKING}
