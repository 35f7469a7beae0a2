"""What the doctor finds of boards in every state, and that it leaves the fabric alone unless it is ours."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gatewright.doctor import Finding, Verdict, examine, exit_code, here, there
from gatewright.doctor.fabric import examine_fabric
from gatewright.driver.board import BoardBackend, coherence, deadlines
from gatewright.driver.board import loaded as notes
from gatewright.driver.errors import BoardError, BoardInUse
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config

pytest.importorskip("pynq")
REGISTERS = 0x4000_0000
TINY = get_config("tiny")
BOARD = "zybo-z7-10"


def findings(board: str | None = BOARD) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(board)}


class Claims:
    """Stands for the claim; the fabric may be another's by the time that it is had."""

    def __init__(self, taken: Callable[[], object]) -> None:
        self.taken = taken
        self.held = 0
        self.ends: list[bool] = []

    def __call__(self, port: object) -> Any:
        self.taken()
        self.held += 1
        return self

    def close(self, answers: bool) -> None:
        self.held -= 1
        self.ends.append(answers)


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> Claims:
    made = Claims(lambda: None)
    monkeypatch.setattr(import_module("gatewright.doctor.fabric"), "Claim", made)
    return made


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


def test_a_step_that_hangs_ends_it(running: Any, claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more is asked of the board, not even to take the claim back."""
    released = threading.Event()
    monkeypatch.setattr(import_module("gatewright.doctor.examine"), "STEP_S", 0.3)
    monkeypatch.setattr(running.machine, "read", lambda offset: released.wait(30))
    found = list(examine(BOARD))
    released.set()
    assert found[-1].verdict is Verdict.BAD
    assert "the rest is not looked at" in found[-1].found
    assert claims.ends == [False]


def test_a_board_whose_image_does_not_say(device: Any) -> None:
    found = findings(None)
    assert found["board"].remedy.startswith("--board names it")
    assert "design" not in found


@pytest.mark.parametrize("on_board", [True, False], ids=["a board", "a PC"])
def test_no_board_at_all(on_board: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import pynq

    monkeypatch.setattr(pynq.Device, "_devices", [], raising=False)
    monkeypatch.delattr(pynq.Device, "_active_device", raising=False)
    monkeypatch.setattr(here, "is_board", lambda: on_board)
    found = findings()
    assert found["board"].verdict is Verdict.BAD
    assert "pynq finds no board here" in found["board"].found
    assert ("this is a PC: --host HOST" in found["board"].remedy) is not on_board
    assert ("image" in "".join(each.found + each.remedy for each in found.values())) is on_board
    assert ("xrt" in found) is on_board


def test_a_pc_without_pynq_may_have_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    monkeypatch.setattr(here, "is_board", lambda: False)
    assert here.pynq().verdict is Verdict.ODD
    assert "not for an agent's" in here.pynq().remedy
    monkeypatch.setattr(here, "is_board", lambda: True)
    assert here.pynq().verdict is Verdict.BAD
    assert "the image's own Python" in here.pynq().remedy


def test_a_board_that_does_not_say_its_name_any_more(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> str:
        raise BoardError("board x: reading a file: it does not answer (any more)")

    monkeypatch.setattr(import_module("gatewright.doctor.examine"), "board_of", lost)
    found = findings(None)
    assert found["board"].verdict is Verdict.BAD
    assert "does not answer" in found["board"].found


def _fabric(device: Any) -> list[int]:
    """Accesses that are not of the clock's registers."""
    return [address for _, address, _ in device.log if not 0xF800_0000 <= address < 0xF800_1000]


def test_the_fabric_is_touched_under_the_claim_alone(running: Any, claims: Claims) -> None:
    read = running.read_registers

    def watched(address: int, length: int) -> bytes:
        value = read(address, length)
        assert claims.held or not _fabric(running)
        return value

    running.read_registers = watched
    assert findings()["memory uncached"].verdict is Verdict.GOOD
    assert _fabric(running)
    assert (claims.held, claims.ends) == (0, [True])


def test_who_loads_another_design_before_the_claim_is_had(running: Any, claims: Claims) -> None:
    claims.taken = lambda: running.files.update({notes.NOTE: b"{}\n"})
    found = findings()
    assert found["design"].found.startswith("none that is known to be ours")
    assert not _fabric(running)


def test_who_loads_another_design_between_two_steps(running: Any, claims: Claims) -> None:
    """A notebook's own Overlay asks nobody."""
    found = []
    for finding in examine(BOARD):
        found.append(finding)
        if finding.name == "design":
            running.files[notes.NOTE] = b"{}\n"
            running.log.clear()
    assert found[-1].found == "not looked at: another design was loaded meanwhile"
    assert not _fabric(running)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BoardInUse("this board: the accelerator is in use by process 7"), "end that, and look again"),
        (BoardError("this board: /lib/firmware/gatewright.lock: Permission denied"), "see above"),
    ],
)
def test_a_fabric_that_another_uses_is_left_alone(error: BoardError, remedy: str, running: Any, claims: Claims) -> None:
    def refuse() -> None:
        raise error

    claims.taken = refuse
    found = findings()
    assert (found["design"].found, found["design"].remedy) == (f"not looked at: {error}", remedy)
    assert found["clock"].verdict is Verdict.GOOD
    assert not _fabric(running)


def test_no_register_of_a_remote_board_is_read_beside_another_client(claims: Claims) -> None:
    """PYNQ.remote's server keeps windows of all clients in one table, without a lock."""

    def refuse() -> None:
        raise BoardInUse("board x: the accelerator is in use by process 7 on pc")

    def touched(*_: object) -> None:
        raise AssertionError("touched")

    claims.taken = refuse
    port: Any = SimpleNamespace(remote=True, window=touched)
    steps = (lambda name, step: step(), lambda name, step, *arguments: step(*arguments))
    found = {finding.name: finding for finding in examine_fabric(port, get_board(BOARD), *steps)}
    assert {name: finding.verdict for name, finding in found.items()} == {"clock": Verdict.ODD, "design": Verdict.ODD}
    assert found["clock"].found.startswith("not looked at: board x: the accelerator is in use by process 7")


def test_the_claim_is_given_back_where_the_examination_ends_early(running: Any, claims: Claims) -> None:
    looking = examine(BOARD)
    while next(looking).name != "design":
        pass
    assert claims.held == 1
    looking.close()
    assert (claims.held, claims.ends) == (0, [True])


def test_the_rest_is_measured_of_a_design_that_nobody_vouches_for(
    device: Any, tmp_path: Path, make_design: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    design = make_design(tmp_path / "doubtful", unvouched=("a rebuilt tile grid",))
    monkeypatch.setenv("GATEWRIGHT_UNVOUCHED", next(design.glob("*.bit")).stem)
    BoardBackend(TINY, bitstream=design).close()
    found = findings()
    assert found["design"].verdict is Verdict.ODD
    assert found["design"].found.endswith("nobody vouches for it: a rebuilt tile grid")
    for name in ("ports", "memory to the accelerator", "memory from the accelerator", "memory uncached"):
        assert found[name].verdict is Verdict.GOOD, found[name]


def test_memory_that_the_accelerator_may_write_to_is_not_given_back(
    running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coherence, "_TIMEOUT_S", 0.05)
    monkeypatch.setattr(notes, "DRAIN_TIMEOUT_S", 0.01)
    assert running.live == 0
    running.memory.faults.hang = True
    assert "rest" in findings()["memory to the accelerator"].found
    assert running.live >= 3


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_copy_ends_before_the_claim_is_given_back(
    running: Any, claims: Claims, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-C; what does not end by itself is reset."""
    monkeypatch.setattr(deadlines, "INTERRUPTED_S", 0.3)
    begun, ended = threading.Event(), threading.Event()

    def copying(*_: object, **__: object) -> None:
        begun.set()
        os.kill(os.getpid(), signal.SIGINT)
        ended.wait(30)
        raise BoardError("ended")

    monkeypatch.setattr(import_module("gatewright.doctor.coherent"), "check_coherence", copying)
    resets: list[int] = []
    write = running.machine.write

    def watched(offset: int, value: int) -> None:
        if begun.is_set():
            resets.append(claims.held)
        write(offset, value)

    monkeypatch.setattr(running.machine, "write", watched)
    with pytest.raises(KeyboardInterrupt):
        list(examine(BOARD))
    ended.set()
    assert resets == [1]
    assert (claims.held, claims.ends) == (0, [True])


def test_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert here.xclbinutil().verdict is Verdict.BAD
    (tmp_path / "xclbinutil").touch(0o755)
    assert here.xclbinutil().verdict is Verdict.GOOD
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "sudo -i" in here.root().remedy
    monkeypatch.setattr(here, "is_board", lambda: True)
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


@pytest.mark.parametrize(
    ("remote", "remedy"), [(False, "end other notebooks"), (True, "systemctl restart pynq-remote")]
)
def test_what_frees_memory(remote: bool, remedy: str) -> None:
    """PYNQ.remote's server gives nothing back of a client that was killed, until it ends itself."""
    port: Any = SimpleNamespace(remote=remote, read_text=lambda path: "CmaTotal: 131072 kB\nCmaFree: 2048 kB")
    assert remedy in there.memory(port).remedy
