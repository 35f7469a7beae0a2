"""`gatewright flash` and `gatewright doctor`: on boards, and where there is none; else one line, exit code 2."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fake_board import make_design
from gatewright.artefact import load_built
from gatewright.cli.options import config_for
from gatewright.doctor import Finding, Verdict
from gatewright.spec.boards import get_board
from gatewright_sim.rtl.build import build_library
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.fabric_top import fabric_verilog
from gatewright_sim.virtual_board.pynq_remote.server import PynqRemoteServer

pytest.importorskip("pynq")
BOARD = "zybo-z7-10"
CONFIG = get_board(BOARD).config
Run = Callable[..., Any]


@pytest.fixture
def host() -> Iterator[str]:
    """A virtual board that is served as PYNQ.remote does; what it will be programmed with is built before."""
    chosen = get_board(BOARD)
    build_library(fabric_verilog(chosen, chosen.default_config))
    with VirtualBoard(chosen) as board:
        server = PynqRemoteServer(board, port=0)
        yield f"pynq://127.0.0.1:{server.port}"
        server.stop()


@pytest.fixture
def nobody() -> Iterator[str]:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


def test_from_flash_to_selftest_over_a_network(host: str, gatewright: Run, tmp_path: Path) -> None:
    design = make_design(tmp_path / "built", config=CONFIG)
    before = gatewright("doctor", "--host", host)
    assert before.code == 1
    assert "none that is known to be ours: it is not touched -> gatewright flash" in before.out
    done = gatewright("flash", design, "--host", host, "--json", tmp_path / "flash.json")
    assert done.code == 0, done.err
    name = load_built(design).path(".bit").stem
    assert f"loaded  {name} on {host}" in done.out
    assert "clock   100.000 MHz as read back, closed at 100 MHz" in done.out
    found = json.loads((tmp_path / "flash.json").read_text())
    assert (found["design"], found["board"], found["notes"]) == (name, BOARD, [])
    after = gatewright("doctor", "--host", host, "--json", "-")
    assert after.code == 0, after.out
    findings = json.loads(after.out)["findings"]
    assert {finding["verdict"] for finding in findings} == {"good"}
    assert f"{name}, config {CONFIG}, answers" in [finding["found"] for finding in findings]
    tested = gatewright("selftest", "--host", host, "--board", BOARD, "--bitstream", design, "--json", "-")
    assert tested.code == 0, tested.err
    assert json.loads(tested.out)["config"] == CONFIG


def test_what_nobody_vouches_for_is_flashed_knowingly(
    host: str, gatewright: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused without the setting, before the board is touched; told by flash and by the doctor with it."""
    design = make_design(tmp_path / "doubtful", config=CONFIG, unvouched=("a rebuilt tile grid",))
    name = load_built(design).path(".bit").stem
    refused = gatewright("flash", design, "--host", host)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert f"nobody vouches for {name}: a rebuilt tile grid; GATEWRIGHT_UNVOUCHED={name} takes it" in refused.err
    monkeypatch.setenv("GATEWRIGHT_UNVOUCHED", name)
    done = gatewright("flash", design, "--host", host)
    assert done.code == 0, done.err
    assert "nobody vouches for it: a rebuilt tile grid" in done.out
    findings = json.loads(gatewright("doctor", "--host", host, "--json", "-").out)["findings"]
    (found,) = (finding for finding in findings if finding["name"] == "design")
    assert found["verdict"] == "odd"
    assert found["found"] == f"{name}, config {CONFIG}, answers; nobody vouches for it: a rebuilt tile grid"
    others = {finding["verdict"] for finding in findings if finding["name"] != "design"}
    assert others == {"good"}


def test_flash_on_a_board(device: Any, design: Path, gatewright: Run) -> None:
    assert gatewright("flash", design).code == 0
    assert gatewright("flash", load_built(design).path(".bit")).code == 0
    assert len(device.downloads) == 2
    assert gatewright("doctor", "--board", BOARD).code in (1, 2)  # as this is no board: no XRT, perhaps no root


def _cut(folder: Path) -> None:
    bit = load_built(folder).path(".bit")
    bit.write_bytes(bit.read_bytes()[:-8])


def _other_handoff(folder: Path) -> None:
    load_built(folder).path(".hwh").write_text("<EDKSYSTEM/>")


def _newer_format(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated bitstream": (_cut, ".bit is not the file of"),
    "another handoff": (_other_handoff, ".hwh is not the file of"),
    "another format": (_newer_format, "not a manifest of format 2, the one that this release reads"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json: No such file or directory"),
    "nothing": (shutil.rmtree, "manifest.json: No such file or directory"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_flash_refuses_a_damaged_design(damage: str, device: Any, design: Path, gatewright: Run) -> None:
    """Nothing of the board is touched, and the next one works."""
    whole = shutil.copytree(design, design.with_name("whole"))
    cause, message = DAMAGED[damage]
    cause(design)
    done = gatewright("flash", design, "--json", design.with_name("result.json"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
    assert (device.downloads, device.log) == ([], [])
    assert not design.with_name("result.json").exists()
    assert gatewright("flash", whole).code == 0


def test_flash_refuses_another_board(device: Any, design: Path, gatewright: Run) -> None:
    done = gatewright("flash", design, "--board", "pynq-z2")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "is for board 'zybo-z7-10', this one is 'pynq-z2'" in done.err
    assert device.downloads == []


def test_a_board_that_refuses_it(device: Any, design: Path, gatewright: Run) -> None:
    device.state_after_download = "write error"
    done = gatewright("flash", design)
    assert done.code == 2
    assert "the FPGA manager's state is 'write error'" in done.err
    device.state_after_download = "operating"
    assert gatewright("flash", design).code == 0


@pytest.mark.parametrize("command", ["flash", "doctor"])
@pytest.mark.parametrize("scheme", ["", "pynq://"])
def test_a_host_where_nobody_is(command: str, scheme: str, nobody: str, design: Path, gatewright: Run) -> None:
    arguments = [design] if command == "flash" else []
    done = gatewright(command, *arguments, "--host", scheme + nobody)
    assert done.code == 2
    assert "Traceback" not in done.err + done.out
    assert nobody in done.err + done.out


@pytest.mark.parametrize("command", ["flash", "doctor"])
@pytest.mark.parametrize("host", ["pynq://", "pynq://a:0", "pynq://a b"])
def test_a_host_that_is_none(command: str, host: str, gatewright: Run) -> None:
    done = gatewright(command, "--host", host, "--board", BOARD)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "allowed: pynq://HOST[:PORT]" in done.err


@pytest.mark.parametrize("command", ["flash", "doctor"])
def test_an_unknown_board(command: str, gatewright: Run) -> None:
    done = gatewright(command, "--board", "zedboard")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "unknown board 'zedboard', allowed: kv260" in done.err


CONFIGS: dict[str, tuple[bytes, dict[str, Any], str]] = {
    "the board that is found": (b"Zybo Z7-10", {}, "zybo-z7-10"),
    "found, by auto": (b"Zybo Z7-10", {"backend": "auto"}, "zybo-z7-10"),
    "the one that is named": (b"Zybo Z7-10", {"board": "kv260"}, "kv260"),
    "none is named or found, by auto": (b"", {"backend": "auto"}, "pynq-z2"),
    "a simulation's": (b"Zybo Z7-10", {"backend": "rtl"}, "pynq-z2"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_whose_configuration_it_is(case: str, device: Any) -> None:
    image, given, board = CONFIGS[case]
    device.files["/proc/device-tree/chosen/pynq_board"] = image
    found = config_for(None, **{"board": None, "backend": "board", **given})
    assert found == get_board(board).default_config


@pytest.mark.parametrize("command", [("selftest", "--backend", "board"), ("board", "agent")], ids=" ".join)
def test_a_board_that_is_not_known_is_asked_for(command: tuple[str, ...], device: Any, gatewright: Run) -> None:
    done = gatewright(*command)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "the image of this board names no board of ours, allowed: --board kv260, pynq-z2" in done.err


@pytest.mark.parametrize("command", ["local", "serve"])
def test_folders_of_bitstreams_that_are_not_there(command: str, gatewright: Run) -> None:
    rest = ["--", "true"] if command == "local" else []
    done = gatewright("board", command, "--board", BOARD, "--bitstreams", "/no/such", *rest)
    assert (done.code, done.err) == (2, "error: --bitstreams /no/such: no such folder\n")


def test_flash_takes_no_other_file(design: Path, device: Any, gatewright: Run) -> None:
    done = gatewright("flash", design / "manifest.json")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "manifest.json is a file, allowed: the folder of a built design, or its .bit" in done.err


@pytest.mark.parametrize("host", [[], ["--host", "a:1"]], ids=["here", "an agent's"])
def test_findings_are_printed_as_they_are_made(
    host: list[str], gatewright: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step may take a minute, and the next may be the last."""

    def findings(*_: object) -> Iterator[Finding]:
        yield Finding("first", Verdict.ODD, "looked at", "do this")
        assert capsys.readouterr().out == f"odd   {'first':<27}  looked at -> do this\n"
        yield Finding("second", Verdict.GOOD, "all right")

    monkeypatch.setattr("gatewright.cli.doctor.examine", findings)
    monkeypatch.setattr("gatewright.agent.diagnosis.examine_agent", findings)
    done = gatewright("doctor", *host)
    assert (done.code, done.out) == (1, f"good  {'second':<27}  all right\n"), done.err


def test_no_board_here(design: Path, gatewright: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import pynq

    monkeypatch.setattr(pynq.Device, "_devices", [], raising=False)
    monkeypatch.delattr(pynq.Device, "_active_device", raising=False)
    done = gatewright("flash", design)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "pynq finds no board here" in done.err
    assert gatewright("doctor").code == 2
