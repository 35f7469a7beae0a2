"""What ends or stops a process is a finding; Ctrl-C ends a campaign with what it has done so far."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import fuzz_targets
from gatewright.spec.errors import GatewrightError
from gatewright_sim.fuzz import process
from gatewright_sim.fuzz.corpus import cases_of
from gatewright_sim.fuzz.target import Target


def test_a_crash_is_a_finding_and_its_case_is_kept(tmp_path: Path) -> None:
    (tally,) = process.fuzz([fuzz_targets.Crashing], tmp_path, 1, 0.1)
    assert set(tally.findings) == {f"killed by signal {signal.SIGABRT.value}"}
    (case,) = cases_of(fuzz_targets.Crashing(), tmp_path).values()
    assert len(case) > 3


def test_a_process_that_stands_still_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_STILL_S", 1.0)
    (tally,) = process.fuzz([fuzz_targets.Sleeping], tmp_path, 1, 0.1)
    assert set(tally.findings) == {f"killed by signal {signal.SIGKILL.value}"}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (fuzz_targets.Absent, "target absent: no compiler"),
        (fuzz_targets.Broken, "target broken: KeyError 'x'"),
        (fuzz_targets.Stuck, "target stuck is not made in 3 s"),
    ],
)
def test_a_target_that_cannot_be_made_ends_the_campaign(
    target: type[Target], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if target is fuzz_targets.Stuck:
        monkeypatch.setattr(process, "_MAKING_S", 3.0)
    with pytest.raises(GatewrightError, match=message):
        list(process.fuzz([target], tmp_path, 1, 60.0))


def test_ctrl_c_ends_a_campaign_with_its_report(tmp_path: Path) -> None:
    code = (
        "import sys, fuzz_targets, gatewright_sim.fuzz.command as main\n"
        "main.TARGETS['marking'] = fuzz_targets.Marking\n"
        "if __name__ == '__main__': sys.exit(main.main(sys.argv[1:]))\n"
    )
    script, mark = tmp_path / "script.py", tmp_path / "mark"
    script.write_text(code)
    options = ["--minutes", "60", "--target", "marking", "--corpus", str(tmp_path), "--out", str(tmp_path / "out")]
    paths = os.pathsep.join([str(Path(fuzz_targets.__file__).parent), *filter(None, sys.path)])
    running = subprocess.Popen(
        [sys.executable, script, *options],
        env={**os.environ, "PYTHONPATH": paths, "FUZZ_MARK": str(mark)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 120
        while not mark.exists():
            assert time.monotonic() < end, "no case has begun"
            assert running.poll() is None
            time.sleep(0.1)
        os.killpg(running.pid, signal.SIGINT)
        printed, _ = running.communicate(timeout=120)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    assert running.returncode == 130, printed
    assert "Traceback" not in printed
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["targets"]["marking"]["findings"] == {}
