"""The accelerator on a board: what is checked before it is touched, the download, and what runs after it."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from gatewright.artefact import Built
from gatewright.driver.backend import DeviceMemory
from gatewright.driver.board import loaded
from gatewright.driver.board.buffers import BoardMemory, allocate
from gatewright.driver.board.clocks import FabricClock, set_clock
from gatewright.driver.board.coherence import check_coherence
from gatewright.driver.board.designs import board_name, choose_design
from gatewright.driver.board.interrupt import UioInterrupt, find_uio
from gatewright.driver.board.pynq_versions import BoardPort, import_pynq, local_port, remote_port
from gatewright.driver.errors import AcceleratorClosed, BackendUnavailable, BoardError, DriverError
from gatewright.driver.hosts import parse_pynq_host
from gatewright.driver.registers import RegisterFile
from gatewright.driver.runner import Runner
from gatewright.spec.boards import get_board
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.hwh import VLNV
from gatewright.spec.memory import MemoryModel
from gatewright.spec.registers import REGISTER_BYTES, register

__all__ = ["BoardBackend", "open_port"]

POLL_S = (50e-6, 2e-3)
"""Shortest and longest pause between two looks at STATUS where there is no interrupt."""
LOOK_S = 0.1
"""Longest sleep for an interrupt before a look at STATUS: a line that is not connected costs no more than that."""
_PYNQ_BOARD = "/proc/device-tree/chosen/pynq_board"
_CHECKED_BYTES = 8192

_log = logging.getLogger(__name__)


def open_port(host: str | None = None, device: Any = None) -> BoardPort:
    """The board here, or behind ``pynq://HOST[:PORT]``, or of a ``pynq.Device``. Nothing of it is changed yet.

    Raises :class:`BackendUnavailable`, :class:`DriverError` for a host that is not spelt so.
    """
    server = None if host is None else parse_pynq_host(host)
    pynq = import_pynq()
    if device is not None:
        return BoardPort(pynq, device, "this board")
    return local_port(pynq) if server is None else remote_port(pynq, server)


class BoardBackend:
    """The accelerator on the board that this runs on, or on one that serves PYNQ.remote.

    Parameters
    ----------
    config : the accelerator's.
    bitstream : folder of a built design, or its ``.bit``; default: the newest of ``config`` for the board, here, in
        ``bitstreams/`` here, or in a checkout.
    board : our name of the board; default: what its image says, else what the design is for.
    host : ``pynq://HOST[:PORT]`` of a PYNQ.remote server.
    device : a ``pynq.Device`` instead.
    download : load the bitstream; False when it is known to be there already.
    cacheable : whether memory that the host reads goes through its caches; default: if that is measured to be right.
    memory : only for the roofline's bounds.

    Raises :class:`BackendUnavailable` when pynq, a board or a bitstream is missing, :class:`BoardError` when the board
    does not do what it is told, :class:`~gatewright.artefact.ArtefactError` and :class:`ConfigMismatch` for a design
    that is damaged or another one.

    Attributes
    ----------
    built : the design that runs.
    clock : the fabric's clock as read back.
    notes : what is not as it should be, though it works.
    """

    name = "board"

    def __init__(
        self,
        config: AcceleratorConfig,
        *,
        bitstream: str | Path | None = None,
        board: str | None = None,
        host: str | None = None,
        device: Any = None,
        download: bool = True,
        cacheable: bool | None = None,
        memory: MemoryModel | None = None,
    ) -> None:
        self.config = config
        self.memory = memory or MemoryModel()
        self.notes: list[str] = []
        self._closed = False
        self._buffers: set[BoardMemory] = set()
        self._interrupt: UioInterrupt | None = None
        named = None if bitstream is None else choose_design(config, _known(board), bitstream)
        self._port = port = open_port(host, device)
        here = _known(board) or board_name(port.read_text(_PYNQ_BOARD))
        self.built = built = named if named and not here else choose_design(config, here, bitstream)
        self._board = get_board(built.manifest.board)
        self._check_handoff(built)
        self.clock = self._load(built) if download else self._attach(built)
        self._window = port.window(self._board.registers_base, REGISTER_BYTES)
        try:
            self._runner = Runner(self, RegisterFile(self), config)
            self._runner.identify()
            self._runner.recover()
            if not port.remote:
                self._find_interrupt()
            self._cacheable = self._measured() if cacheable is None else cacheable
            self._runner.recover()
        except BaseException:
            self.close()
            raise

    # ---- opening

    def _check_handoff(self, built: Built) -> None:
        """PYNQ must find our block where this release talks to it."""
        path = built.path(".bit")
        blocks = self._port.describe(path)
        base = self._board.registers_base
        if not any(entry.get("type") == VLNV and entry.get("phys_addr") == base for entry in blocks.values()):
            names = ", ".join(blocks) or "none"
            raise BackendUnavailable(
                f"{path.with_suffix('.hwh')} has no block {VLNV} at {base:#x}; its blocks: {names}"
            )

    def _load(self, built: Built) -> FabricClock:
        """Old design to rest, clock, download, and what the FPGA manager says of it."""
        port = self._port
        loaded.drain(port)
        loaded.forget_loaded(port)
        clock = self._set_clock(built)
        port.program(built.path(".bit"))
        found = loaded.state(port)
        if found != loaded.OPERATING:
            name = built.path(".bit").name
            raise BoardError(f"{port.label} did not take {name}: the FPGA manager's state is {found or 'unknown'!r}")
        loaded.note_loaded(port, built)
        return clock

    def _attach(self, built: Built) -> FabricClock:
        """The design is there already."""
        port = self._port
        found = loaded.loaded_design(port)
        if found is None or found.stem != built.path(".bit").stem:
            what = f"{found.stem} is" if found else "no design of ours is known to be"
            raise BoardError(f"{port.label}: {what} loaded, not {built.path('.bit').stem}: load it first (download)")
        return self._set_clock(built)

    def _set_clock(self, built: Built) -> FabricClock:
        block = self._board.family.clocks
        clock = built.manifest.clock
        return set_clock(self._port.window(block.base, block.size), self._board, min(clock.set_mhz, clock.closed_mhz))

    def _find_interrupt(self) -> None:
        path = find_uio()
        if path is None:
            self.notes.append("no UIO device named fabric: STATUS is polled")
            return
        try:
            self._interrupt = UioInterrupt(path)
        except OSError as error:
            self.notes.append(f"{path} cannot be opened ({error.strerror}): STATUS is polled")

    def _measured(self) -> bool:
        """Whether memory that the host reads may be cacheable. Raises :class:`BoardError` where nothing is right."""
        choices = (True,) if self._port.remote else (True, False)
        for cacheable in choices:
            checked = check_coherence(
                self.config,
                self._take,
                self._runner.run,
                _CHECKED_BYTES,
                source_cacheable=cacheable,
                result_cacheable=cacheable,
            )
            if checked.right:
                if not cacheable:
                    self.notes.append("syncs of cacheable memory do nothing here: results are read uncached, slowly")
                    _log.warning("%s: %s", self._port.label, self.notes[-1])
                return cacheable
        raise BoardError(
            f"{self._port.label}: the accelerator does not read what is written to memory, or its results do not come "
            "back: syncs of caches (zocl) do nothing, gatewright doctor says which"
        )

    # ---- the backend

    @property
    def clock_mhz(self) -> float | None:
        return self.clock.mhz

    @property
    def port(self) -> BoardPort:
        """The board behind."""
        return self._port

    def read(self, offset: int) -> int:
        self._check()
        return self._window.read(offset)

    def write(self, offset: int, value: int) -> None:
        self._check()
        self._window.write(offset, value)

    def allocate(self, nbytes: int, *, reads: bool = True) -> DeviceMemory:
        self._check()
        return self._take(nbytes, reads and self._cacheable)

    def _take(self, nbytes: int, cacheable: bool) -> DeviceMemory:
        return allocate(self._port, nbytes, cacheable, self._buffers)

    def wait(self, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        pause = POLL_S[0]
        while True:
            if self._interrupt is not None:
                self._interrupt.arm()  # before the look: what ends after it fires
            if self._done():
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._interrupt is not None:
                self._interrupt.wait(min(left, LOOK_S))
            else:
                time.sleep(min(left, pause))
                pause = min(2 * pause, POLL_S[1])

    def _done(self) -> bool:
        status = register("STATUS")
        return bool(status.extract(self.read(status.offset), "done"))

    def reset(self) -> None:
        """Reset by register and wait for the bus. A download under live buffers could stop the memory for ever.

        Raises :class:`BoardError` where the bus does not come to rest.
        """
        self._check()
        if not loaded.rest(self._window):
            raise BoardError(
                f"{self._port.label}: the accelerator's bus does not come to rest: close it, and switch the board off "
                "and on again where gatewright flash fails, too"
            )

    def close(self) -> None:
        """Leave the accelerator at rest, and give memory and interrupt back; the design stays loaded."""
        if self._closed:
            return
        with suppress(BoardError):  # a board that is gone needs no rest
            loaded.rest(self._window)
        self._closed = True
        for buffer in list(self._buffers):
            buffer.free()
        if self._interrupt is not None:
            self._interrupt.close()

    def _check(self) -> None:
        if self._closed:
            raise AcceleratorClosed


def _known(board: str | None) -> str:
    """``board``, or nothing. Raises :class:`DriverError` for one that is not known."""
    if board is None:
        return ""
    try:
        return get_board(board).name
    except ValueError as error:
        raise DriverError(str(error)) from None
