"""What the doctor finds of boards in every state, and that it leaves the fabric alone unless it is ours."""

from __future__ import annotations

import re
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gatewright.doctor import Finding, Verdict, examine, exit_code, here
from gatewright.driver.board import BoardBackend
from gatewright.driver.board import loaded as notes
from gatewright.spec.config import get_config

pytest.importorskip("pynq")
REGISTERS = 0x4000_0000
TINY = get_config("tiny")
BOARD = "zybo-z7-10"


def findings(board: str | None = BOARD) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(board)}


@pytest.fixture
def running(device: Any, design: Path) -> Any:
    """The board, our design in it."""
    device.files["/proc/meminfo"] = b"CmaTotal:  131072 kB\nCmaFree:  122880 kB\n"
    device.files["/sys/module/zocl/version"] = b"2.13.0\n"
    BoardBackend(TINY, bitstream=design).close()
    device.log.clear()
    return device


def test_a_board_that_runs(running: Any) -> None:
    found = findings()
    for name in ("board", "zocl", "memory", "fpga manager", "design", "clock", "ports", "memory to the accelerator",
                 "memory from the accelerator", "memory uncached"):  # fmt: skip
        assert found[name].verdict is Verdict.GOOD, found[name]
    assert "120 of 128 MiB" in found["memory"].found
    assert found["clock"].found.startswith("100.000 MHz (IO PLL 1000.000 MHz / 10 / 1)")


@pytest.mark.parametrize("state", [b"unknown\n", b"operating\n", b"write error\n", None])
def test_a_fabric_that_is_not_ours_is_not_touched(state: bytes | None, device: Any) -> None:
    """Neither its registers, nor those of its ports, which have its clock."""
    device.files = {notes._STATE: state} if state else {}
    found = findings()
    assert found["fpga manager"].verdict is (
        Verdict.BAD if state is None else Verdict.GOOD if state == b"operating\n" else Verdict.ODD
    )
    for name in ("design", "ports", "memory coherence"):
        assert found[name].verdict is Verdict.ODD
        assert found[name].remedy == "gatewright flash"
    clocks = range(0xF800_0000, 0xF800_1000)
    assert device.log
    assert all(address in clocks for _, address, _ in device.log)


def _fast_clock(device: Any) -> None:
    device.slcr[0xF800_0170] = 8 << 8 | 1 << 20


def _other_pll(device: Any) -> None:
    device.slcr[0xF800_0108] = 32 << 12


def _stopped(device: Any) -> None:
    device.slcr[0xF800_0170] = 0


def _narrow(device: Any) -> None:
    device.slcr[0xF800_8014] = 1


def _no_sync(device: Any) -> None:
    device.broken_flush = True


def _little(device: Any) -> None:
    device.files["/proc/meminfo"] = b"CmaTotal:  131072 kB\nCmaFree:  2048 kB\n"


AILMENTS: dict[str, tuple[Any, str, Verdict, str]] = {
    "a clock above the closed one": (_fast_clock, "clock", Verdict.BAD, "125.000 MHz .* faster than the 100 MHz"),
    "another PLL": (_other_pll, "clock", Verdict.BAD, "106.667 MHz .* faster than"),
    "no clock": (_stopped, "clock", Verdict.BAD, "stands still"),
    "a port of 32 bits": (_narrow, "ports", Verdict.BAD, "S_AXI_HP0 is 32 bits wide at 0xf8008014, the fabric has 64"),
    "syncs that do nothing": (_no_sync, "memory to the accelerator", Verdict.ODD, "wrong for 8 KiB, 640 KiB"),
    "little memory": (_little, "memory", Verdict.ODD, "2 of 128 MiB"),
}


@pytest.mark.parametrize("ailment", AILMENTS)
def test_an_ailment_is_named_with_its_remedy(ailment: str, running: Any) -> None:
    cause, name, verdict, message = AILMENTS[ailment]
    cause(running)
    found = findings()[name]
    assert found.verdict is verdict
    assert found.remedy
    assert re.search(message, found.found), found


def test_a_design_that_does_not_answer_is_not_asked_again(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.machine, "read", lambda offset: 0)
    found = findings()
    assert found["design"].verdict is Verdict.BAD
    assert found["design"].found.endswith("answers with ID 0x00000000")
    assert found["memory coherence"].verdict is Verdict.ODD


def test_a_step_that_hangs_ends_it(running: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(import_module("gatewright.doctor.examine"), "STEP_S", 0.3)
    monkeypatch.setattr(running.machine, "read", lambda offset: released.wait(30))
    found = list(examine(BOARD))
    released.set()
    assert found[-1].verdict is Verdict.BAD
    assert "the rest is not looked at" in found[-1].found


def test_a_board_whose_image_does_not_say(device: Any) -> None:
    found = findings(None)
    assert found["board"].remedy.startswith("--board names it")
    assert "design" not in found


def test_no_board_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    import pynq

    monkeypatch.setattr(pynq.Device, "_devices", [], raising=False)
    monkeypatch.delattr(pynq.Device, "_active_device", raising=False)
    found = findings()
    assert found["board"].verdict is Verdict.BAD
    assert "pynq finds no board here" in found["board"].found


def test_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert here.xclbinutil().verdict is Verdict.BAD
    (tmp_path / "xclbinutil").touch(0o755)
    assert here.xclbinutil().verdict is Verdict.GOOD
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "sudo -i" in here.root().remedy
    assert "never upgrade" in here.pynq().found
    assert here.python().verdict is Verdict.GOOD
    monkeypatch.setattr("pynq.__version__", "3.0.1")
    monkeypatch.delenv("XILINX_XRT", raising=False)
    assert "xrt_setup.sh" in here.xrt().remedy
    monkeypatch.setenv("XILINX_XRT", str(tmp_path))
    assert here.xrt().verdict is Verdict.GOOD
    monkeypatch.setattr("pynq.__version__", "2.7")
    assert here.pynq().verdict is Verdict.BAD


def test_exit_codes() -> None:
    good, odd, bad = (Finding("x", verdict, "") for verdict in Verdict)
    assert [exit_code(each) for each in ([], [good], [good, odd], [bad, odd])] == [0, 0, 1, 2]
