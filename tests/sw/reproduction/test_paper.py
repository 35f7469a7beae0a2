"""The paper's figures beside those of a report, or beside the word that there are none."""

from dataclasses import replace

import pytest

from gatewright.models.experts import Hybrid
from gatewright.reproduction.paper import claims
from gatewright.reproduction.reproduction import reproduce


def _ours(found, report=None):
    return {
        claim.theirs.replace("\N{NO-BREAK SPACE}", " "): claim.ours
        for claim in claims(report or found.systems, found.lines)
    }


def test_what_was_not_measured_is_said(data, scope):
    ours = _ours(reproduce(data, replace(scope, experiments=())))
    assert ours["+13.6 %"] == ours["40 to 60 ms"] == ours["66 %"] == "not measured"


def test_the_hybrid_stands_beside_the_best_and_a_random_order(data, scope):
    found = reproduce(data, scope)
    report = replace(
        found.systems,
        cells=tuple(replace(cell, system=cell.system.replace("counts", Hybrid.NAME)) for cell in found.systems.cells),
    )
    best, again, *_ = claims(report, found.lines)
    mean = {(cell.protocol, cell.metric): cell.mean for cell in report.cells if cell.system == Hybrid.NAME}
    assert best.ours.startswith(f"{mean['full ranking', 'ndcg']:.4f} [")
    assert f"{mean['re-ranking', 'ndcg_linear']:.4f}" in again.ours
    assert f"a random order {mean['re-ranking', 'ndcg_linear_random']:.4f}" in again.ours
    assert best.theirs == again.theirs == "0.75"


def test_lora_saves_what_is_left_of_full_fine_tuning(data, scope):
    assert _ours(reproduce(data, scope))["66 %"] == "part: 66%"


@pytest.mark.parametrize(("better", "said"), [("LightGCN", "over LightGCN +50.0%"), ("EASE", "not measured")])
def test_gains_are_over_the_parents(data, scope, better, said):
    found = reproduce(data, scope)
    (one,) = found.systems.comparisons
    asked = replace(found.systems, comparisons=(replace(one, better=Hybrid.NAME, than=better, relative=0.5),))
    assert said in _ours(found, asked)["+13.6 %"]
