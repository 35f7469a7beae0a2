"""The board: everything that software meets, wired together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright_sim.virtual_board.address_space import AddressSpace
from gatewright_sim.virtual_board.designs import Design
from gatewright_sim.virtual_board.errors import BoardFrozen, BusError, Unanswered
from gatewright_sim.virtual_board.files import Files
from gatewright_sim.virtual_board.interrupt import InterruptLine
from gatewright_sim.virtual_board.linux import add_linux
from gatewright_sim.virtual_board.log import EventLog, Level
from gatewright_sim.virtual_board.memory import BoardMemory, Buffer
from gatewright_sim.virtual_board.ports import PortRegisters
from gatewright_sim.virtual_board.programmable_logic import MASTER_PORTS, LogicOptions, ProgrammableLogic
from gatewright_sim.virtual_board.programming import OPERATING, UNKNOWN, FpgaManager
from gatewright_sim.virtual_board.system_registers import APU_CLOCKS, SystemRegisters, boot_values

__all__ = ["VirtualBoard"]

_T = TypeVar("_T")


class VirtualBoard:
    """A board of the given kind, switched on. Any thread may use it.

    Parameters
    ----------
    board : the kind.
    broken_flush : cache syncs do nothing (see :mod:`gatewright_sim.virtual_board.memory`).
    cma_bytes : reserved for contiguous buffers, instead of the board's.
    logic : keywords of :class:`~gatewright_sim.virtual_board.programmable_logic.LogicOptions`.

    Attributes
    ----------
    files : its file system, as far as software for the fabric looks at it.
    memory : contiguous memory.
    line : the interrupt line.
    log : what happened.
    logic : the programmable logic.
    """

    def __init__(self, board: Board, *, broken_flush: bool = False, cma_bytes: int | None = None, **logic: Any) -> None:
        options = LogicOptions(**logic)
        self.board = board
        self.log = EventLog()
        self.files = Files()
        self.memory = BoardMemory(board, cma_bytes, broken_flush=broken_flush)
        self.line = InterruptLine()
        self._why_frozen = ""
        self._frozen = threading.Event()
        self._off = False
        zynq7 = board.family is Family.ZYNQ7
        system = SystemRegisters(
            boot_values(board), lockable=zynq7, changed=lambda offset: self.logic.system_changed(offset)
        )
        ports = PortRegisters(board, lambda: self.clock_mhz)
        self.logic = ProgrammableLogic(board, options, system, ports, self.memory, self.line, self.log, self.freeze)
        self._space = AddressSpace()
        self._space.add(board.family.clocks.base, board.family.clocks.size, system)
        if not zynq7:
            self._space.add(*APU_CLOCKS, SystemRegisters({}, lockable=False, changed=lambda _: None))
        ports.add_to(self._space)
        self._space.add(*MASTER_PORTS[board.family], self.logic)
        self._space.add(self.memory.base, self.memory.fabric.nbytes, self.memory)
        name = "Xilinx Zynq FPGA Manager" if zynq7 else "Xilinx ZynqMP FPGA Manager"
        state = OPERATING if options.booted_with_another else UNKNOWN
        self.manager = FpgaManager(self.files, self.log, name, state, self.logic.program, self._clear)
        add_linux(self.files, board, self.memory, self.line)

    # ---- what a processor does

    def read32(self, address: int) -> int:
        """The word at a physical address. Raises :class:`BoardFrozen`, :class:`BusError`."""
        return self._access(f"read of {address:#x}", address, lambda: self._space.read(address))

    def write32(self, address: int, value: int) -> None:
        """Set the word at a physical address. Raises as :meth:`read32`."""
        self._access(f"write to {address:#x}", address, lambda: self._space.write(address, value))

    def _access(self, what: str, address: int, access: Callable[[], _T]) -> _T:
        self.check()
        if address % 4:
            raise BusError(f"{what}: allowed are multiples of 4")
        try:
            return access()
        except Unanswered as error:
            raise self.freeze(f"{what} is not answered: {error}") from None

    def allocate(self, nbytes: int, *, cacheable: bool) -> Buffer:
        """Contiguous memory. Raises :class:`~gatewright.driver.errors.OutOfDeviceMemory`, :class:`BoardFrozen`."""
        self.check()
        return self.memory.allocate(nbytes, cacheable=cacheable)

    def wait_irq(self, timeout_s: float) -> bool:
        """Whether the interrupt line is high, within ``timeout_s`` seconds."""
        self.check()
        return self.line.wait_high(timeout_s)

    def _clear(self) -> None:
        self.check()
        self.logic.clear()

    # ---- freezing

    @property
    def frozen(self) -> bool:
        """Whether a processor waits for an answer for ever, and all software with it."""
        return self._frozen.is_set()

    def check(self) -> None:
        """Raise :class:`BoardFrozen` where the board is."""
        if self.frozen:
            raise BoardFrozen(self._why_frozen)

    def freeze(self, why: str) -> BoardFrozen:
        """From now on nothing answers. Returns what to raise."""
        if not self.frozen:
            self._why_frozen = why
            self._frozen.set()
            self.log.add(Level.FATAL, f"frozen: {why}")
        return BoardFrozen(self._why_frozen)

    # ---- for who watches

    @property
    def design(self) -> Design | None:
        """What is in the fabric; None where nothing of ours is."""
        return self.logic.design

    @property
    def clock_mhz(self) -> float:
        """Fabric clock 0, as PLL and dividers make it; 0 where it stands still."""
        return self.logic.clock_mhz

    def status(self) -> dict[str, Any]:
        """Numbers and names of the present state."""
        design = self.design
        return {
            "board": self.board.name,
            "state": self.manager.state,
            "frozen": self._why_frozen,
            "config": design.config.name if design else "",
            "clock_mhz": self.clock_mhz,
            "closed_mhz": design.closed_mhz if design else 0.0,
            "cycles": self.logic.cycles,
            "buffers": len(self.memory.buffers),
            "free_bytes": self.memory.free_bytes,
            "interrupts": self.line.count,
        }

    def close(self) -> None:
        """Switch it off; a second call does nothing."""
        if self._off:
            return
        self._off = True
        if not self.frozen:
            self._why_frozen = "it is switched off"
            self._frozen.set()
        self.logic.close()
        self.memory.close()

    def __enter__(self) -> VirtualBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
