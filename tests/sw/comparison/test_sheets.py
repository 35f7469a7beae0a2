"""A report as Markdown, as CSV and on a terminal: the same figures in all."""

import csv
import io

import pytest
from rich.console import Console

from gatewright.comparison.plan import Plan
from gatewright.comparison.report import compared
from gatewright.comparison.sheets import csv_text, sheets
from gatewright.models.data.splits import UserTimeSplit
from gatewright.sheet import markdown, table


@pytest.fixture
def report(data, entries):
    return compared(data, Plan(entries, UserTimeSplit(test=0.2), shuffles=2, seeds=2))


def test_markdown_and_terminal_hold_the_same_cells(report):
    found = sheets(report)
    text = markdown(found)
    console = Console(width=250, file=io.StringIO())
    for sheet in found:
        console.print(table(sheet))
    shown = console.file.getvalue()
    for sheet in found:
        assert f"## {sheet.title}\n" in text
        for row in sheet.rows:
            assert len(row) == len(sheet.columns)
            assert f"| {' | '.join(row)} |" in text
            assert all(cell in shown for cell in row)
    titles = [sheet.title for sheet in found]
    assert titles[0] == "full ranking, 40 users"
    assert "Better than, by NDCG@10 of the full ranking" in titles


def test_what_must_be_read_beside_a_figure_stands_beside_it(report):
    full, sampled, reranking, parts, *_ = sheets(report)
    assert "over 2 shuffles and 2 seeds" in full.note
    assert "Krichene and Rendle" in sampled.note
    assert "even a random order scores high" in reranking.note
    assert reranking.columns[1:3] == ("NDCG@10, gain = stars", "a random order's")
    assert "2.5% are of items and 0.0% by users without any earlier rating" in parts.note
    counts, chance = full.rows
    assert counts[-2].startswith("± ")
    assert counts[-1] == ""
    assert chance[-1].startswith("± ")


def test_csv_has_a_line_for_each_cell_with_all_digits(report):
    lines = list(csv.DictReader(io.StringIO(csv_text(report))))
    assert len(lines) == len(report.cells)
    for line, cell in zip(lines, report.cells, strict=True):
        assert (line["system"], line["protocol"], line["metric"]) == (cell.system, cell.protocol, cell.metric)
        assert float(line["mean"]) == cell.mean
        assert float(line["low"]) == cell.interval.low
        assert line["seeds_deviation"] == ("" if cell.seeds is None else str(cell.seeds.deviation))
