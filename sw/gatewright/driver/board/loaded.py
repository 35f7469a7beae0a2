"""What is in the fabric now, and bringing it to rest.

An access to a fabric that is empty, or held in reset, or that holds something else, can stop a Zynq for ever. So
nothing is read there before it is known to be ours: the FPGA manager works, our note beside the firmware is of this
boot, and pynq has noted no other download since.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass

from gatewright.artefact import ArtefactError, Built
from gatewright.artefact.fields import from_json
from gatewright.driver.board.clocks import read_clock
from gatewright.driver.board.pynq_versions import BOOT, FIRMWARE, BoardPort, Window
from gatewright.driver.errors import BoardError
from gatewright.spec.boards import BOARDS, Board
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.registers import ID, REGISTER_BYTES, register

__all__ = ["OPERATING", "LoadedDesign", "drain", "forget_loaded", "loaded_design", "note_loaded", "rest", "state"]

NOTE = f"{FIRMWARE}/gatewright.json"
OPERATING = "operating"
DRAIN_TIMEOUT_S = 2.0
_STATE = "/sys/class/fpga_manager/fpga0/state"


@dataclass(frozen=True)
class LoadedDesign:
    """A design that was loaded by this driver, in this process or another.

    Attributes
    ----------
    stem : name of its files.
    board, config : of its manifest.
    closed_mhz : the fastest clock that it may have.
    unvouched : why nobody vouches for it.
    bit_sha1 : of its ``.bit`` file, by which pynq knows it.
    boot : which boot of the board it was loaded in.
    """

    stem: str
    board: str
    config: AcceleratorConfig
    closed_mhz: float
    unvouched: tuple[str, ...]
    bit_sha1: str
    boot: str


def state(port: BoardPort) -> str:
    """The FPGA manager's state; empty where there is none."""
    return port.read_text(_STATE)


def loaded_design(port: BoardPort) -> LoadedDesign | None:
    """Our design in the fabric; None where there is none, or none that is known to be ours."""
    if state(port) != OPERATING:
        return None
    try:
        found = from_json(LoadedDesign, json.loads(port.read_file(NOTE) or b"{}"))
    except (ValueError, ArtefactError):
        return None
    if found.board not in BOARDS or found.boot != port.read_text(BOOT):
        return None
    return found if (port.last_download() or "") == found.bit_sha1 else None


def note_loaded(port: BoardPort, built: Built) -> None:
    """Note what has just been loaded, on the board."""
    manifest = built.manifest
    bit = built.path(".bit")
    note = LoadedDesign(
        stem=bit.stem,
        board=manifest.board,
        config=manifest.config,
        closed_mhz=manifest.clock.closed_mhz,
        unvouched=manifest.unvouched,
        bit_sha1=port.last_download() or "",
        boot=port.read_text(BOOT),
    )
    port.write_file(NOTE, (json.dumps(asdict(note)) + "\n").encode())


def forget_loaded(port: BoardPort) -> None:
    """From now on the fabric is nobody's: a download begins."""
    if port.read_file(NOTE) is not None:
        port.write_file(NOTE, b"{}\n")


def drain(port: BoardPort, loaded: LoadedDesign | None) -> None:
    """Bring our design, if it is ``loaded``, to rest, since a download cuts off whatever its masters have in flight,
    and since no clock is changed under them.

    Raises :class:`BoardError` where it does not come to rest.
    """
    if loaded is None:
        return
    board: Board = BOARDS[loaded.board]
    block = board.family.clocks
    if not read_clock(port.window(block.base, block.size), board).mhz:
        return  # nothing moves there, and nothing would answer
    window = port.window(board.registers_base, REGISTER_BYTES)
    if window.read(register("ID").offset) != ID:
        return
    if not rest(window):
        raise BoardError(
            f"{port.label}: the design {loaded.stem} does not come to rest, and a download or another clock now could "
            "stop the memory for the whole board: switch it off and on again"
        )


def rest(window: Window) -> bool:
    """Reset the accelerator by its register; whether its bus was at rest within a while."""
    control, status = register("CONTROL"), register("STATUS")
    window.write(control.offset, 1 << control.field("reset").lsb)
    deadline = time.monotonic() + DRAIN_TIMEOUT_S
    while status.extract(window.read(status.offset), "busy"):
        if time.monotonic() >= deadline:
            return False
        time.sleep(1e-3)
    return True
