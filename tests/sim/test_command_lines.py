"""The campaigns' command lines: all have help, refuse what is no option, and name what is not installed."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from gatewright.outcome import outcome

CAMPAIGNS = {
    # module: what one may choose, the extra that brings all it needs
    "gatewright_sim.mutation": ("block", "mutation"),
    "gatewright_sim.formal": ("proof", "formal"),
    "gatewright_sim.gates": ("run", "gates"),
    "gatewright_sim.fuzz": ("target", "fuzz"),
    "gatewright_sim.benches.coverage": ("kernel", "sim"),
}


def _end(module: str, arguments: list[str]) -> int:
    return outcome(lambda: import_module(f"{module}.command").main(arguments))


@pytest.mark.parametrize("module", CAMPAIGNS)
def test_help(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _end(module, ["--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"usage: python -m {module} " in said
    thing, _ = CAMPAIGNS[module]
    assert f"--{thing} NAME this {thing} alone" in said
    assert "--out FOLDER of " in said
    assert "(default: build/" in said


@pytest.mark.parametrize("module", CAMPAIGNS)
def test_what_is_no_option(module: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _end(module, ["--nothing"]) == 2
    assert capsys.readouterr().err == f"error: unrecognized arguments: --nothing (python -m {module} --help)\n"


@pytest.mark.parametrize(("module", "thing"), [(module, thing) for module, (thing, _) in CAMPAIGNS.items()])
def test_what_cannot_be_chosen(module: str, thing: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _end(module, [f"--{thing}", "nothing"]) == 2
    assert f"error: argument --{thing}: unknown {thing} 'nothing', allowed: " in capsys.readouterr().err


@pytest.mark.parametrize(("module", "extra"), [(module, extra) for module, (_, extra) in CAMPAIGNS.items()])
def test_what_is_not_installed_is_named_with_its_extra(module: str, extra: str, tmp_path: Path) -> None:
    (tmp_path / "amaranth.py").write_text("raise ModuleNotFoundError('No module', name='amaranth')")
    paths = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: this command needs amaranth: pip install 'gatewright[{extra}]'\n"
