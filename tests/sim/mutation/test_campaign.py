"""A sample of mutants of the quickest block: each is noticed, or listed as equivalent. All blocks: `make mutate`."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gatewright.outcome import outcome
from gatewright_sim.benches.catalogue import BENCHES
from gatewright_sim.mutation.blocks import BLOCKS
from gatewright_sim.mutation.command import main


def test_a_sample_is_noticed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # simulators run in folders of their own
    arguments = ["--block", "sequencer", "--count", "24", "--netlist", "6", "--jobs", "1", "--out", "."]
    assert main(arguments) == 0, capsys.readouterr().out
    report = json.loads((tmp_path / "report.json").read_text())
    assert len(report["mutants"]) == 30
    assert all(mutant["killer"] or mutant["equivalent"] for mutant in report["mutants"]), capsys.readouterr().out
    lines = (tmp_path / "sequencer.jsonl").read_text()
    assert main(arguments) == 0
    assert (tmp_path / "sequencer.jsonl").read_text() == lines, "what is known was found again"


@pytest.mark.parametrize(
    ("number", "code", "sign"),
    [
        (signal.SIGTERM, 128 + signal.SIGTERM, "temporary/*/asked.json"),
        (signal.SIGINT, 130, "temporary/*/asked.json"),
        (signal.SIGTERM, 128 + signal.SIGTERM, "out/*.jsonl"),
    ],
    ids=["making, SIGTERM", "making, SIGINT", "running, SIGTERM"],
)
def test_what_is_broken_off_leaves_no_process_and_no_folder(number: int, code: int, sign: str, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    # All blocks: some wait, and what ends must not take these up.
    command = [sys.executable, "-m", "gatewright_sim.mutation", "--jobs", "2", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        end = time.monotonic() + 120
        while not list(tmp_path.glob(sign)):
            assert time.monotonic() < end, "no mutants are made"
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == code, said
        assert "Traceback" not in said
    finally:
        process.kill()
        process.communicate()
    end = time.monotonic() + 5  # what was told to end may take a moment
    while (left := _left(temporary)) and time.monotonic() < end:
        time.sleep(0.1)
    assert (left, list(temporary.iterdir())) == ([], [])


def _left(temporary: Path) -> list[Path]:
    return [path for path in Path("/proc").glob("[0-9]*/environ") if _names(path, temporary)]


def _names(environ: Path, folder: Path) -> bool:
    try:
        return str(folder).encode() in environ.read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "-1"], "--count: '-1' is given, allowed: whole numbers from 0 on"),
        (["--count", "0", "--netlist", "0"], "--count and --netlist are 0, allowed: one of them, not both"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert outcome(lambda: main([*arguments, "--out", str(tmp_path)])) == 2
    assert message in capsys.readouterr().err


def test_every_block_has_sources_and_benches_of_different_designs() -> None:
    for block in BLOCKS.values():
        assert block.files, block.name
        designs = [BENCHES[bench].design for bench in block.benches]
        assert len(set(designs)) == len(designs), block.name
