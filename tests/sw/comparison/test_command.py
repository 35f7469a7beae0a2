"""`python -m gatewright.comparison`: files, and what it refuses."""

import csv
import json
from types import MappingProxyType

import pytest

from gatewright.comparison import command
from gatewright.options import OptionError


@pytest.fixture
def small(data, entries, monkeypatch):
    monkeypatch.setattr(command, "load_movielens", lambda folder: data)
    monkeypatch.setattr(command, "ENTRIES", MappingProxyType({entry.name: entry for entry in entries}))


def test_a_comparison_becomes_files_and_tables(small, tmp_path, capsys):
    arguments = ["--out", str(tmp_path / "found"), "--shuffles", "2", "--seeds", "2", "--jobs", "1"]
    command.main(arguments)
    said = capsys.readouterr().out
    assert "full ranking, 40 users" in said
    told = json.loads((tmp_path / "found/report.json").read_text())
    assert [chosen["system"] for chosen in told["chosen"]] == ["counts", "chance"]
    assert (told["shuffles"], told["seeds"]) == (2, 2)
    assert "## full ranking, 40 users" in (tmp_path / "found/report.md").read_text()
    assert len(list(csv.reader((tmp_path / "found/report.csv").open()))) == len(told["cells"]) + 1


def test_one_system_alone_has_nothing_to_be_compared_with(small, tmp_path):
    command.main(["--system", "chance", "--shuffles", "1", "--seeds", "1", "--jobs", "1", "--out", str(tmp_path)])
    assert json.loads((tmp_path / "report.json").read_text())["comparisons"] == []


def test_a_moment_for_all_users(small, data, tmp_path):
    arguments = ["--global-time", "--system", "chance", "--shuffles", "1", "--seeds", "1", "--jobs", "1"]
    command.main([*arguments, "--out", str(tmp_path)])
    split = json.loads((tmp_path / "report.json").read_text())["split"]
    assert split == "global time, validation from 4, test from 5, ties 0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "hybrid"], "unknown system 'hybrid', allowed: counts, chance"),
        (["--shuffles", "0"], "'0' is given, allowed: whole numbers from 1 on"),
        (["--seeds", "x"], "'x' is given, allowed: whole numbers from 1 on"),
    ],
)
def test_what_makes_no_sense_is_refused(small, arguments, message):
    with pytest.raises(OptionError, match=message):
        command.main(arguments)
