"""The host's part of a request: an accelerator that does nothing, and what is made of Valgrind's counts."""

from pathlib import Path

import numpy as np
import pytest

from gatewright.driver.accelerator import Accelerator
from gatewright.spec.config import get_config
from gatewright_sim.host_cost.__main__ import Cost, main, measured
from gatewright_sim.host_cost.idle import IdleBackend

TINY = get_config("tiny")


def test_an_idle_accelerator_ends_at_once_and_writes_nothing() -> None:
    """What it gives back is as random as its memory was."""
    with Accelerator(TINY, IdleBackend(TINY)) as idle:
        results = [idle.gemm(np.ones((8, 8), np.int8), np.ones((8, 8), np.int8)) for _ in range(2)]
        assert idle.report().programs == 2
    assert len(np.unique(results[0])) > 50


def fake_valgrind(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program of that name that is found first."""
    path = folder / "valgrind"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_a_request_is_a_share_of_the_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its arguments are ... -m MODULE FOLDER COUNT USER QUERY."""
    fake_valgrind(tmp_path, monkeypatch, 'echo "==1== Collected : $((1000000 + 300 * $7 + $#))" >&2')
    assert measured(tmp_path, 15, "space adventure") == 300
    assert measured(tmp_path, 15, None) == 300
    assert Cost(15, 20, None, 450_000).ms == pytest.approx(1.0)


@pytest.mark.parametrize("script", ["exit 1", "echo nothing >&2"])
def test_no_count_is_an_error(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_valgrind(tmp_path, monkeypatch, script)
    with pytest.raises(RuntimeError, match="valgrind has counted nothing"):
        measured(tmp_path, 15, None)


def test_without_valgrind_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main([]) == 2
    assert capsys.readouterr().err == "valgrind is not on PATH: install the system's package of that name\n"
