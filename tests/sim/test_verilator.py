"""Which Verilator is used."""

from pathlib import Path

import pytest

from gatewright_sim.verilator import find_verilator


def test_the_packaged_one_works_without_an_installed_one() -> None:
    found = find_verilator()
    assert found.command.exists()
    assert (found.include / "verilated.h").exists()


def test_one_in_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = find_verilator()
    tool = tmp_path / "verilator"
    tool.write_text(f"#!/bin/sh\necho {packaged.root}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = find_verilator()
    assert found.command == tool
    assert found.include == packaged.include
