"""`gatewright reproduce`: its files, and what keeps it from beginning."""

import csv
import json

import pytest

from gatewright.cli import reproduce as command
from gatewright.reproduction import scope as scopes
from gatewright.spec.errors import GatewrightError


@pytest.fixture
def small(data, scope, monkeypatch):
    monkeypatch.setattr("gatewright.models.data.load_movielens", lambda folder: data)
    monkeypatch.setattr(scopes, "QUICK", scope)


def test_a_folder_of_files(small, tmp_path, capsys):
    out = tmp_path / "made/here"
    command.reproduce(out, quick=True, jobs=1)
    assert sorted(each.name for each in out.iterdir()) == sorted(command.FILES)
    told = json.loads((out / "report.json").read_text())
    assert told["scope"] == "small"
    assert len(list(csv.reader((out / "lines.csv").open()))) == len(told["lines"]) + 1
    assert len(list(csv.reader((out / "report.csv").open()))) == len(told["systems"]["cells"]) + 1
    assert "## Beside the paper (arXiv 2507.01035)" in (out / "report.md").read_text()
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    said = capsys.readouterr()
    assert "The table" in said.out
    assert "report.html" in said.err.replace("\n", "")  # a long path is broken


def test_a_folder_that_cannot_be_written_is_said_before_the_work(small, tmp_path, runs):
    (tmp_path / "report.md").mkdir()
    with pytest.raises(GatewrightError, match=r"--out: report\.md .*: Is a directory"):
        command.reproduce(tmp_path, quick=True, jobs=1)
    assert runs == []


def test_a_file_is_no_folder(small, tmp_path, runs):
    (tmp_path / "file").write_text("")
    with pytest.raises((GatewrightError, OSError)):
        command.reproduce(tmp_path / "file", quick=True, jobs=1)
    assert runs == []
