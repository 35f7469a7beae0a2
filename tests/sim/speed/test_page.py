"""A run as tables and as a page."""

import json

import pytest

from gatewright_sim.speed.conditions import Conditions
from gatewright_sim.speed.figures import figures
from gatewright_sim.speed.measurement import Measured, Measurement
from gatewright_sim.speed.page import page
from gatewright_sim.speed.sheets import all_figures, summary
from gatewright_sim.speed.workload import Counted

FAST, SLOW = Conditions(100.0), Conditions(125.0, 0.83)


@pytest.fixture
def found() -> Measured:
    growing = [
        Measurement(
            "sequence length", f"MiniLM, {tokens} tokens", FAST, Counted(900 * tokens, 800 * tokens, 7000), tokens
        )
        for tokens in (16, 32)
    ]
    return Measured(
        "tiny",
        (
            Measurement("gemm", "1 x 2 x 3", FAST, Counted(100_000, 90_000, 20_000)),
            Measurement("gemm", "1 x 2 x 3", SLOW, Counted(125_000, 90_000, 25_000)),
            Measurement("aggregation", "<rows>", FAST, Counted(2000, 500, 2500, 0.75)),
            Measurement("aggregation", "<rows>", SLOW, Counted(4000, 500, 3000, 0.5)),
            *growing,
        ),
    )


def test_each_figure_below_its_conditions(found: Measured) -> None:
    sheet = all_figures(found)
    assert [row[0] for row in sheet.rows if not any(row[1:])] == [FAST.title, SLOW.title]
    assert ("gemm, 1 x 2 x 3", "125,000", "1.00", "90,000", "72.0%", "20.0%", "") in sheet.rows
    assert ("aggregation, <rows>", "2,000", "0.02", "2,500", "125.0%", "125.0%", "75.0%") in sheet.rows
    assert len(sheet.rows) == len(found.measurements) + 2
    assert all(len(row) == len(sheet.columns) for row in sheet.rows)


def test_a_summary_has_a_row_for_each_workload(found: Measured) -> None:
    sheet = summary(found)
    assert sheet.columns == ("", FAST.title, SLOW.title)
    assert sheet.rows[0] == ("gemm, 1 x 2 x 3", "100,000, 1.00 ms, 90.0%", "125,000, 1.00 ms, 72.0%")
    assert len(sheet.rows) == 2


def test_json_holds_every_figure(found: Measured) -> None:
    told = json.loads(json.dumps(found.as_dict()))
    assert told == found.as_dict()
    first, third = (told["measurements"][place] for place in (0, 2))
    assert (first["clock_mhz"], first["dram_share"], first["cycles"]) == (100.0, 1.0, 100_000)
    assert (first["ms"], first["bound"], first["of_bound"]) == (1.0, 90_000, 0.9)
    assert third["hit_rate"] == 0.75


def test_a_picture_shows_each_bound_beside_the_cycles(found: Measured) -> None:
    shares, growth = figures(found)
    assert [list(bar.x) for bar in shares.data] == [[0.9, 1.25], [0.72, 0.75]]
    assert [line.name for line in growth.data] == ["RTL", "compute bound", "memory bound"]
    assert list(growth.data[0].x) == [16, 32]
    assert list(growth.data[0].y) == [14400, 28800]


def test_a_page_needs_nothing_from_elsewhere(found: Measured) -> None:
    text = page(found)
    assert "<script src" not in text
    assert "<link" not in text
    assert "aggregation, &lt;rows&gt;" in text
    assert text.count('class="plotly-graph-div"') == 2


def test_a_run_of_one_part_has_its_pictures_alone(found: Measured) -> None:
    assert len(list(figures(Measured("tiny", found.measurements[:2])))) == 1
    assert len(list(figures(Measured("tiny", found.measurements[-2:])))) == 1
    assert not list(figures(Measured("tiny", ())))
