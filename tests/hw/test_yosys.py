"""Yosys is found or said to be missing, and what keeps it from its end is one sentence."""

import shutil
import sys
from pathlib import Path

import pytest

from gatewright_hw.yosys import YosysError, YosysFails, run_yosys


def test_what_it_prints(tmp_path: Path) -> None:
    assert run_yosys(["-V"], tmp_path).startswith("Yosys ")


def test_a_script_that_fails(tmp_path: Path) -> None:
    with pytest.raises(YosysFails, match=r"Yosys ended with code 1: .*no_such_command"):
        run_yosys(["-q", "-p", "no_such_command"], tmp_path)


def test_it_does_not_take_for_ever(tmp_path: Path) -> None:
    with pytest.raises(YosysFails, match=r"Yosys took more than 0\.01 s"):
        run_yosys(["-V"], tmp_path, timeout_s=0.01)


def test_without_yosys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(YosysError, match=r"no Yosys found: pip install 'gatewright\[area\]'") as found:
        run_yosys(["-V"], tmp_path)
    assert not isinstance(found.value, YosysFails)
