"""A report's place is tried before the work, and what stood there stays until the report is whole."""

import json
from pathlib import Path

import pytest

from gatewright.report import Report


def test_it_is_written_in_the_place_of_another(tmp_path: Path) -> None:
    folder = tmp_path / "some" / "place"
    Report(folder).write({"found": 1})
    report = Report(folder)
    assert json.loads(report.path.read_text()) == {"found": 1}
    report.write([])
    assert json.loads((folder / "report.json").read_text()) == []


def test_where_it_cannot_be_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "report.json").mkdir()
    with pytest.raises(IsADirectoryError):
        Report(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        Report(tmp_path / "file")
