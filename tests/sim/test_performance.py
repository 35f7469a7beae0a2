"""What the README says of `pynq-z2`: cycles of the RTL against the roofline. Cycles do not depend on the machine."""

import json
from pathlib import Path

import pytest

from gatewright.models.data import load_movielens
from gatewright.models.graph import user_item_graph
from gatewright_sim.experiment import simulate
from gatewright_sim.stimulus import AggregateStimulus, AttentionStimulus, GemmStimulus

pytestmark = pytest.mark.slow


def test_gemm_uses_the_array() -> None:
    outcome = simulate(GemmStimulus.random(0, 128, 384, 384), "pynq-z2", 0)
    assert outcome.golden_equal
    assert outcome.compute_fraction >= 0.95


def test_attention_uses_the_array() -> None:
    outcome = simulate(AttentionStimulus.random(0, 128, 128, 12, 32), "pynq-z2", 0)
    assert outcome.golden_equal
    assert outcome.compute_fraction >= 0.95


def test_aggregation_of_movielens_uses_the_bus() -> None:
    outcome = simulate(AggregateStimulus.from_graph(0, user_item_graph(load_movielens()), 64), "pynq-z2", 0)
    assert outcome.golden_equal
    assert outcome.roofline_fraction >= 0.98


def test_a_whole_request_on_the_rtl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gatewright.__main__ import main

    file = tmp_path / "result.json"
    command = ["gatewright", "recommend", "--user", "15", "--query", "space adventure", "--backend", "rtl"]
    monkeypatch.setattr("sys.argv", [*command, "--json", str(file)])
    assert _exit_code(main) == 0
    result = json.loads(file.read_text())
    assert result["golden_equal"]
    assert result["reference"]["top10_overlap"] >= 0.8
    assert len(result["items"]) == 10


def _exit_code(main) -> int:
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0
