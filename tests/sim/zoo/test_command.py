"""The command: its exit code, its report, and the table that is kept."""

import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("threadpoolctl")

from gatewright.options import OptionError
from gatewright_sim.zoo import command
from gatewright_sim.zoo.catalogue import names
from gatewright_sim.zoo.trial import Outcome, Result

TABLE = Path(__file__).parents[3] / "ZOO.md"
GOOD = (Result.RIGHT, Result.WARNED, Result.REFUSED, Result.NOT_MADE)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command for models that all come to one result."""

    def go(result: Result, *parts: str) -> int:
        def all_of_them(chosen, *_):
            yield from (Outcome(name, result, 2, 5, 1, 0.01, 0.02, "a | reason") for name in reversed(chosen))

        monkeypatch.setattr(command, "outcomes", all_of_them)
        return command.main([*parts, "--out", str(tmp_path)])

    return go


@pytest.mark.parametrize("result", Result)
def test_the_exit_code_tells_a_failure(run, result, capsys):
    assert run(result, "sigmoid") == (0 if result in GOOD else 1)
    assert result.value in capsys.readouterr().out


def test_report_and_table_have_each_model_in_order(run, tmp_path):
    run(Result.RIGHT, "onnxruntime/", "geometric/GAT")
    chosen = [name for name in names() if name.startswith(("onnxruntime/", "geometric/GAT"))]
    report = json.loads((tmp_path / "report.json").read_text())
    assert [each["name"] for each in report["models"]] == chosen
    assert report["models"][0] == {
        "name": chosen[0],
        "result": "right",
        "doorbells": 2,
        "fabric": 5,
        "host": 1,
        "error": 0.01,
        "promised": 0.02,
        "reason": "a | reason",
    }
    text = (tmp_path / "zoo.md").read_text()
    assert _rows(text) == {name: "right" for name in chosen}
    assert f"| {chosen[0]} | right | 2 | 5, 1 | 1.00% | 2.00% | a / reason |" in text


def test_an_unknown_part_is_refused(run):
    with pytest.raises(OptionError, match="no model has nothing like it in its name, allowed: parts of onnx/"):
        run(Result.RIGHT, "nothing like it")


def test_the_kept_table_has_all_models_and_none_that_fails():
    rows = _rows(TABLE.read_text())
    assert list(rows) == names()
    assert {row for row in rows.values()} <= {result.value for result in GOOD}


def _rows(text: str) -> dict[str, str]:
    """Results by model."""
    return dict(re.findall(r"^\| (\S+/[^|]+) \| ([^|]+) \|", text, re.MULTILINE))
