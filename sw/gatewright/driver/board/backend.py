"""The accelerator on a board: what is checked before it is touched, the download, and what runs after it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from gatewright.artefact import Built
from gatewright.driver.backend import DeviceMemory
from gatewright.driver.board import loaded
from gatewright.driver.board.buffers import Buffers, allocate
from gatewright.driver.board.claim import Claim
from gatewright.driver.board.clocks import FabricClock, read_clock, set_clock
from gatewright.driver.board.coherence import check_coherence
from gatewright.driver.board.designs import check_board, choose_design
from gatewright.driver.board.fabric import Fabric
from gatewright.driver.board.opening import board_of, known_board, open_port
from gatewright.driver.board.pynq_versions import BoardPort, Window
from gatewright.driver.errors import AcceleratorClosed, BackendUnavailable, BoardError, ConfigMismatch
from gatewright.driver.registers import RegisterFile
from gatewright.driver.runner import Runner
from gatewright.spec.boards import get_board
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.hwh import VLNV
from gatewright.spec.memory import MemoryModel

__all__ = ["BoardBackend"]

_CHECKED_BYTES = 8192

_log = logging.getLogger(__name__)


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
        self._closed = False
        self._buffers = Buffers(lambda: self._fabric.at_rest)
        wanted = known_board(board)
        named = None if bitstream is None else choose_design(config, wanted, bitstream)
        self._port = port = open_port(host, device)
        here = wanted or board_of(port)
        self.built = built = named or choose_design(config, here, None)
        check_board(built, here)
        self._board = get_board(built.manifest.board)
        self._claim = Claim(port)
        try:
            before = loaded.loaded_design(port)  # PYNQ's parser forgets what it has noted of files that are gone
            self._check_handoff(built)
            if not download:
                self._check_loaded(before)
            loaded.drain(port, before)
            self.clock = self._load(built) if download else self._set_clock(built)
            self._fabric = Fabric(port, self._board)
        except BaseException:
            self._claim.close()
            raise
        try:
            self._runner = Runner(self._fabric, RegisterFile(self._fabric), config)
            self._runner.identify()
            self._runner.recover()
            self._cacheable = self._measured() if cacheable is None else cacheable
            self._runner.recover()
        except ConfigMismatch:  # it is not what was noted: nobody may touch it
            loaded.forget_loaded(port)
            self.close()
            raise
        except BaseException:
            self.close()
            raise

    @property
    def notes(self) -> list[str]:
        """What is not as it should be, though it works."""
        return self._fabric.notes

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
        """Download, what the FPGA manager says of it, and the clock; an old design of ours is at rest.

        Somebody else's may be at work: its clock never rises, and ours starts with none that is too fast for it.
        """
        port = self._port
        loaded.forget_loaded(port)
        old = read_clock(self._clocks(), self._board)
        if not old.pll or old.mhz > self._most_mhz(built):
            self._set_clock(built)
        port.program(built.path(".bit"))
        found = loaded.state(port)
        if found != loaded.OPERATING:
            name = built.path(".bit").name
            raise BoardError(f"{port.label} did not take {name}: the FPGA manager's state is {found or 'unknown'!r}")
        clock = self._set_clock(built)
        loaded.note_loaded(port, built)
        return clock

    def _check_loaded(self, found: loaded.LoadedDesign | None) -> None:
        """The design is there already."""
        stem = self.built.path(".bit").stem
        if found is None or found.stem != stem:
            what = f"{found.stem} is" if found else "no design of ours is known to be"
            raise BoardError(f"{self._port.label}: {what} loaded, not {stem}: load it first (download)")

    def _set_clock(self, built: Built) -> FabricClock:
        return set_clock(self._clocks(), self._board, self._most_mhz(built))

    def _clocks(self) -> Window:
        block = self._board.family.clocks
        return self._port.window(block.base, block.size)

    @staticmethod
    def _most_mhz(built: Built) -> float:
        clock = built.manifest.clock
        return min(clock.set_mhz, clock.closed_mhz)

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
                    note = "syncs of cacheable memory do nothing here: results are read uncached, slowly"
                    self.notes.append(note)
                    _log.warning("%s: %s", self._port.label, note)
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
        return self._open.read(offset)

    def write(self, offset: int, value: int) -> None:
        self._open.write(offset, value)

    def wait(self, timeout_s: float) -> bool:
        return self._open.wait(timeout_s)

    def reset(self) -> None:
        self._open.reset()

    def allocate(self, nbytes: int, *, reads: bool = True) -> DeviceMemory:
        _ = self._open
        return self._take(nbytes, reads and self._cacheable)

    def _take(self, nbytes: int, cacheable: bool) -> DeviceMemory:
        return allocate(self._port, nbytes, cacheable, self._buffers)

    def close(self) -> None:
        """Leave the accelerator at rest, and give memory and interrupt back; the design stays loaded."""
        if self._closed:
            return
        self._closed = True
        answers = False
        try:
            if self._ours():
                self._fabric.reset()
            answers = True
        except BoardError:  # gone, or still at work in this memory
            pass
        finally:
            for buffer in list(self._buffers.live):
                buffer.free() if answers else buffer.keep()
            self._fabric.close()
            self._claim.close(answers)

    def _ours(self) -> bool:
        """Whether nobody has loaded something else meanwhile, or has begun to use it."""
        if not self._claim.held():
            return False
        found = loaded.loaded_design(self._port)
        return found is not None and found.stem == self.built.path(".bit").stem

    @property
    def _open(self) -> Fabric:
        if self._closed:
            raise AcceleratorClosed
        self._claim.check()
        return self._fabric
