"""The board: everything that software meets, wired together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from gatewright.driver.errors import BackendUnavailable
from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright.spec.memory import MemoryModel
from gatewright.spec.registers import register
from gatewright_sim.rtl.backend import RtlBackend
from gatewright_sim.virtual_board.address_space import AddressSpace
from gatewright_sim.virtual_board.designs import Design, recognise
from gatewright_sim.virtual_board.errors import BoardFrozen, BusError, Refused, Unanswered
from gatewright_sim.virtual_board.fabric import Fabric
from gatewright_sim.virtual_board.fabric_top import fabric_verilog
from gatewright_sim.virtual_board.files import Files
from gatewright_sim.virtual_board.interrupt import InterruptLine
from gatewright_sim.virtual_board.linux import add_linux
from gatewright_sim.virtual_board.log import EventLog, Level
from gatewright_sim.virtual_board.memory import BoardMemory, Buffer
from gatewright_sim.virtual_board.ports import PortRegisters
from gatewright_sim.virtual_board.programming import FpgaManager
from gatewright_sim.virtual_board.system_registers import (
    APU_CLOCKS,
    FPGA_RST_CTRL,
    LVL_SHFTR_EN,
    SHIFTERS_ON,
    SystemRegisters,
    boot_values,
)

__all__ = ["VirtualBoard"]

MASTER_PORTS = {Family.ZYNQ7: (0x4000_0000, 0x8000_0000), Family.ZYNQMP: (0xA000_0000, 0x1000_0000)}
"""Base and bytes of M_AXI_GP0 and GP1, and of M_AXI_HPM0_FPD: what the design in the fabric has to answer."""

_CONTROL = register("CONTROL")
_T = TypeVar("_T")


class VirtualBoard:
    """A board of the given kind, switched on. Any thread may use it.

    Parameters
    ----------
    board : the kind.
    bitstreams : folders with built designs, whose bitstreams it takes besides those of ``--tool simulation``.
    broken_flush : cache syncs do nothing (see :mod:`gatewright_sim.virtual_board.memory`).
    cma_bytes : reserved for contiguous buffers, instead of the board's.
    memory_model : latency and bandwidth of its DDR.
    stalls, seed : chance that a bus channel pauses in a cycle, and the pauses' seed.

    Attributes
    ----------
    files : its file system, as far as software for the fabric looks at it.
    memory : contiguous memory.
    line : the interrupt line.
    log : what happened.
    """

    def __init__(
        self,
        board: Board,
        *,
        bitstreams: Iterable[str | Path] = (),
        broken_flush: bool = False,
        cma_bytes: int | None = None,
        memory_model: MemoryModel | None = None,
        stalls: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.board = board
        self.log = EventLog()
        self.files = Files()
        self.memory = BoardMemory(board, cma_bytes, broken_flush=broken_flush)
        self.line = InterruptLine()
        self.design: Design | None = None
        self._bitstreams = tuple(Path(folder) for folder in bitstreams)
        self._rtl_options: dict[str, Any] = {"memory": memory_model, "stalls": stalls, "seed": seed}
        self._fabric: Fabric | None = None
        self._why_frozen = ""
        self._frozen = threading.Event()
        self._off = False
        self._zynq7 = board.family is Family.ZYNQ7
        self._system = SystemRegisters(boot_values(board), lockable=self._zynq7, changed=self._system_changed)
        self._ports = PortRegisters(board, lambda: self.clock_mhz, self._ports_changed)
        self._space = AddressSpace()
        self._space.add(board.family.clocks.base, board.family.clocks.size, self._system)
        if not self._zynq7:
            self._space.add(*APU_CLOCKS, SystemRegisters({}, lockable=False, changed=lambda _: None))
        self._ports.add_to(self._space)
        self._space.add(*MASTER_PORTS[board.family], _MasterPorts(self, MASTER_PORTS[board.family][0]))
        self._space.add(self.memory.base, self.memory.fabric.nbytes, self.memory)
        manager = "Xilinx Zynq FPGA Manager" if self._zynq7 else "Xilinx ZynqMP FPGA Manager"
        self.manager = FpgaManager(self.files, self.log, manager, self._program, self._clear)
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

    # ---- the fabric

    @property
    def clock_mhz(self) -> float:
        """Fabric clock 0, as PLL and dividers make it; 0 where it stands still."""
        return self._system.fabric_mhz(self.board.family.clocks, self.board.crystal_mhz)

    def accelerator(self) -> Fabric:
        """What is in the fabric and can answer now. Raises :class:`Unanswered`."""
        if self._fabric is None:
            raise Unanswered("the fabric is not programmed")
        if not self.clock_mhz:
            raise Unanswered("the fabric's clock stands still")
        if self._zynq7 and self._system.read(LVL_SHFTR_EN) & SHIFTERS_ON != SHIFTERS_ON:
            raise Unanswered("the level shifters between processing system and fabric are off")
        return self._fabric

    def _system_changed(self, offset: int) -> None:
        if self._zynq7 and offset == FPGA_RST_CTRL and self._fabric is not None:
            self._fabric.reset(bool(self._system.read(FPGA_RST_CTRL) & 1))
        if self._overclocked():
            self.log.add(Level.WARNING, self._overclocked())

    def _overclocked(self) -> str:
        """What is wrong with the clock; empty where nothing is."""
        if self.design is None or self.clock_mhz <= self.design.closed_mhz * (1 + 1e-6):
            return ""
        return f"the clock is {self.clock_mhz:.3f} MHz, the design is closed at {self.design.closed_mhz:.3f} MHz"

    def _ports_changed(self) -> None:
        if self._fabric is not None:
            self._fabric.lose_odd_words(bool(self._ports.wrong_width()))

    def starts(self) -> None:
        """A program starts: note what silicon would get wrong."""
        for why in filter(None, (self._overclocked(), self._ports.wrong_width())):
            self.log.add(Level.FATAL, f"a program starts, and may compute anything: {why}")

    def _clear(self) -> None:
        """What a download begins with: the old design is gone, whatever it was doing."""
        self.check()
        fabric, self._fabric, self.design = self._fabric, None, None
        if fabric is None:
            return
        busy = fabric.busy
        fabric.close()
        self.line.drive(False)
        if busy:
            raise self.freeze("a download while the design had transactions in flight, which DDR waits for for ever")

    def _program(self, firmware: bytes) -> None:
        design = recognise(firmware, self.board, self._bitstreams)
        options: dict[str, Any] = {name: value for name, value in self._rtl_options.items() if value is not None}
        memory = self.memory.fabric
        place: dict[str, Any] = {"memory_base": memory.base, "memory_bytes": memory.nbytes, "storage": memory.array}
        try:
            rtl = RtlBackend(design.config, verilog=fabric_verilog(self.board, design.config), **place, **options)
        except BackendUnavailable as error:
            raise Refused(str(error)) from None
        self._fabric, self.design = Fabric(rtl, self.board.registers_base, self.line, self._broken), design
        self.log.add(Level.INFO, f"programmed with config {design.config.name!r}, closed at {design.closed_mhz:g} MHz")
        self._ports_changed()

    def _broken(self, why: str) -> None:
        self.freeze(f"the design breaks the rules of its memory port: {why}")

    # ---- for who watches

    def status(self) -> dict[str, Any]:
        """Numbers and names of the present state."""
        design = self.design
        fabric = self._fabric
        return {
            "board": self.board.name,
            "state": self.manager.state,
            "frozen": self._why_frozen,
            "config": design.config.name if design else "",
            "clock_mhz": self.clock_mhz,
            "closed_mhz": design.closed_mhz if design else 0.0,
            "cycles": fabric.cycles if fabric else 0,
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
        fabric, self._fabric = self._fabric, None
        if fabric is not None:
            fabric.close()
        self.memory.close()

    def __enter__(self) -> VirtualBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _MasterPorts:
    """The processing system's ports to the fabric: the design answers, or nobody does."""

    def __init__(self, board: VirtualBoard, base: int) -> None:
        self._board = board
        self._base = base
        self._control = board.board.registers_base + _CONTROL.offset

    def read(self, offset: int) -> int:
        return self._board.accelerator().read(self._base + offset)

    def write(self, offset: int, value: int) -> None:
        fabric, address = self._board.accelerator(), self._base + offset
        if address == self._control and _CONTROL.extract(value, "start"):
            self._board.starts()
        fabric.write(address, value)
