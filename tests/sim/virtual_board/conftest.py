"""Virtual boards with the smallest configuration, and the shortest driver for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gatewright.artefact.bitfile import swapped
from gatewright.artefact.simulation import SimulatedDesign, simulation_words
from gatewright.driver import Accelerator
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright.spec.memory import MemoryModel
from gatewright.spec.ports import port_width
from gatewright_hw.generate import design_hash
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.memory import Buffer

FIRMWARE = "/sys/class/fpga_manager/fpga0/firmware"
STATE = "/sys/class/fpga_manager/fpga0/state"


def make_firmware(name: str, /, closed_mhz: float = 100.0, **changes: str) -> bytes:
    """Of a simulated ``tiny``, as Linux takes it; ``changes`` are fields of :class:`SimulatedDesign`."""
    config = get_config("tiny")
    fields: dict[str, Any] = {
        "board": name,
        "config": config.name,
        "config_hash": config.hash_text,
        "design_hash": design_hash(config),
        "closed_mhz": closed_mhz,
    }
    return swapped(simulation_words(get_board(name), SimulatedDesign(**{**fields, **changes})))


def flash(board: VirtualBoard, firmware: bytes | None = None, name: str = "tiny.bin") -> str:
    """Download as software does; the FPGA manager's state afterwards."""
    board.files.write(f"/lib/firmware/{name}", make_firmware(board.board.name) if firmware is None else firmware)
    try:
        board.files.write(FIRMWARE, name.encode())
    except OSError:
        assert board.files.read(STATE) != b"operating\n"
    return board.files.read(STATE).decode().strip()


def set_widths(board: VirtualBoard, bits: int = 64) -> None:
    """Set the memory ports' width as PYNQ does after a download."""
    for port in board.board.memory_ports:
        entry = port_width(board.board.family, port)
        for address in entry.addresses:
            board.write32(address, entry.encoded(bits))


class _Memory:
    """A cacheable buffer as the driver wants it; its syncs can be forgotten."""

    def __init__(self, buffer: Buffer, flushes: bool) -> None:
        self._buffer = buffer
        self._flushes = flushes
        self.address = buffer.address

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        return self._buffer.cpu

    def flush(self, start: int = 0, stop: int | None = None) -> None:
        if self._flushes:
            self._buffer.sync_for_device(start, stop)

    def invalidate(self, start: int = 0, stop: int | None = None) -> None:
        self._buffer.sync_for_cpu(start, stop)

    def free(self) -> None:
        self._buffer.free()


class OnBoard:
    """A backend that does with a virtual board what a processor would."""

    name = "on a virtual board"

    def __init__(self, board: VirtualBoard, flushes: bool = True) -> None:
        self.config = get_config("tiny")
        self.memory = MemoryModel()
        self._board = board
        self._flushes = flushes

    def read(self, offset: int) -> int:
        return self._board.read32(self._board.board.registers_base + offset)

    def write(self, offset: int, value: int) -> None:
        self._board.write32(self._board.board.registers_base + offset, value)

    def allocate(self, nbytes: int, *, reads: bool = True) -> _Memory:
        return _Memory(self._board.allocate(max(nbytes, 8192), cacheable=True), self._flushes)

    def wait(self, timeout_s: float) -> bool:
        return self._board.wait_irq(timeout_s)

    def reset(self) -> None:
        raise AssertionError("nothing here needs it")

    def close(self) -> None:
        pass


@pytest.fixture
def make_board() -> Iterator[Callable[..., VirtualBoard]]:
    """Boards by name; options as :class:`VirtualBoard` takes them."""
    made: list[VirtualBoard] = []

    def make(name: str = "zybo-z7-10", **options: Any) -> VirtualBoard:
        made.append(VirtualBoard(get_board(name), **options))
        return made[-1]

    yield make
    for board in made:
        board.close()


@pytest.fixture
def board(make_board: Callable[..., VirtualBoard]) -> VirtualBoard:
    """A Zybo that nothing has been downloaded to."""
    return make_board()


@pytest.fixture
def programmed(board: VirtualBoard) -> VirtualBoard:
    """One with the accelerator in it."""
    assert flash(board) == "operating"
    return board


@pytest.fixture(scope="session")
def firmware() -> Callable[..., bytes]:
    return make_firmware


@pytest.fixture(scope="session")
def download() -> Callable[..., str]:
    return flash


@pytest.fixture(scope="session")
def widths() -> Callable[..., None]:
    return set_widths


@pytest.fixture(scope="session")
def accelerator_on() -> Callable[..., Accelerator]:
    """An accelerator over a programmed board; ``flushes=False`` forgets to flush."""
    return lambda board, **options: Accelerator("tiny", OnBoard(board, **options), timeout_s=60)
