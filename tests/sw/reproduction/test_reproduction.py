"""The whole table on small systems: measured once, kept, gone on with, told in every form."""

import csv
import io
import json
from dataclasses import replace

import pytest

from gatewright.evaluation.quality import as_json
from gatewright.reproduction.page import page
from gatewright.reproduction.reproduction import reproduce
from gatewright.reproduction.tables import all_sheets, lines_csv
from gatewright.sheet import markdown


def test_everything_is_measured_once(data, scope, runs, fitted):
    first = reproduce(data, scope)
    assert len(runs) == 2
    assert fitted
    runs.clear()
    fitted.clear()
    assert as_json(reproduce(data, scope)) == as_json(first)
    assert runs == fitted == []


def test_processes_find_what_one_finds(data, scope, runs, monkeypatch, tmp_path):
    several = as_json(reproduce(data, scope, jobs=2))
    assert runs == []  # in this process
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "other"))
    alone = as_json(reproduce(data, scope))
    for found in (several, alone):
        for chosen in found["systems"]["chosen"]:
            del chosen["fit_seconds"]
    assert several == alone


def test_what_was_broken_off_goes_on_from_its_checkpoints(data, scope, halved, runs):
    scope = replace(scope, experiments=(halved(fails=True),))
    with pytest.raises(KeyboardInterrupt):
        reproduce(data, scope)
    found = reproduce(data, scope)
    assert found.lines[1].facts["step"] == "7"


def test_other_options_are_another_experiment(data, scope, halved, runs):
    reproduce(data, scope)
    found = reproduce(data, replace(scope, experiments=(halved(share=0.25),)))
    assert len(runs) == 3
    assert found.differences[0].relative.mean == pytest.approx(-0.75)


def test_a_line_is_held_against_another_on_the_same_users(data, scope):
    (difference,) = reproduce(data, scope).differences
    assert (difference.line, difference.against) == ("part", "whole")
    assert difference.relative.mean == pytest.approx(-0.5)
    assert difference.difference.low < difference.difference.mean < difference.difference.high < 0


def test_all_forms_tell_the_same(data, scope):
    found = reproduce(data, scope)
    told = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert told["lines"][1]["latency"]["p50"] == 2
    text, html = markdown(all_sheets(found)), page(found)
    whole = found.lines[0].quality.mean("ndcg")
    for form in (text, html):
        assert f"{whole:.4f} [" in form
        assert "A part of the table (small): most of it." in form
        assert "2.0 / 3.8 / 4.0" in form
        assert "arXiv 2507.01035" in form
        assert "by a test" in form
    lines = list(csv.DictReader(io.StringIO(lines_csv(found))))
    assert [line["line"] for line in lines] == ["whole", "part"]
    assert float(lines[0]["ndcg"]) == whole
    assert lines[1]["facts"] == "step: 0; of full fine-tuning's: 34%"


def test_the_page_needs_nothing_from_elsewhere(data, scope):
    html = page(reproduce(data, scope))
    assert html.count("plotly.js v") == 1
    outside = [part for part in html.split("<script")[1:] if " src=" in part.split(">", 1)[0]]
    assert outside == []
    assert "layer &lt;1&gt;" in html or "layer \\u003c1\\u003e" in html
    for title in (
        "Accuracy against latency",
        "Training cost",
        "Fine-tuning the language model",
        "Roofline",
        "Quantisation",
    ):
        assert title in html
