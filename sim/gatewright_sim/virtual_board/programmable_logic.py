"""The programmable logic as the processing system has it: downloads, clock, reset, ports, and what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatewright.driver.errors import BackendUnavailable
from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright.spec.memory import MemoryModel
from gatewright.spec.registers import register
from gatewright_sim.rtl.backend import RtlBackend
from gatewright_sim.virtual_board.designs import Design, recognise
from gatewright_sim.virtual_board.errors import BoardFrozen, Refused, Unanswered
from gatewright_sim.virtual_board.fabric import Fabric
from gatewright_sim.virtual_board.fabric_top import fabric_verilog
from gatewright_sim.virtual_board.interrupt import InterruptLine
from gatewright_sim.virtual_board.log import EventLog, Level
from gatewright_sim.virtual_board.memory import BoardMemory
from gatewright_sim.virtual_board.ports import PortRegisters
from gatewright_sim.virtual_board.stranger import Stranger
from gatewright_sim.virtual_board.system_registers import FPGA_RST_CTRL, SystemRegisters

__all__ = ["MASTER_PORTS", "LogicOptions", "ProgrammableLogic"]

MASTER_PORTS = {Family.ZYNQ7: (0x4000_0000, 0x8000_0000), Family.ZYNQMP: (0xA000_0000, 0x1000_0000)}
"""Base and bytes of M_AXI_GP0 and GP1, and of M_AXI_HPM0_FPD: what the design in the fabric has to answer."""

_CONTROL = register("CONTROL")


@dataclass(frozen=True)
class LogicOptions:
    """Parameters
    ----------
    bitstreams : folders with built designs, whose bitstreams are taken besides those of ``--tool simulation``.
    overclock_corrupts : a program that starts above the clock that its design is closed at loses every second word of
        its memory; otherwise it is noted alone.
    booted_with_another : a design that is none of ours is in it at first, as PYNQ's images boot.
    memory_model : latency and bandwidth of the DDR; default: the board's, at the clock that a download finds.
    stalls, seed : chance that a bus channel pauses in a cycle, and the seed of these and of what registers hold before
        their reset.
    """

    bitstreams: Iterable[str | Path] = ()
    overclock_corrupts: bool = False
    booted_with_another: bool = False
    memory_model: MemoryModel | None = None
    stalls: float = 0.0
    seed: int = 0


class ProgrammableLogic:
    """One board's.

    Parameters
    ----------
    freeze : notes that the board stands still, and returns what to raise.

    Attributes
    ----------
    design : what it was programmed with; None where that is none of ours.
    """

    def __init__(
        self,
        board: Board,
        options: LogicOptions,
        system: SystemRegisters,
        ports: PortRegisters,
        memory: BoardMemory,
        line: InterruptLine,
        log: EventLog,
        freeze: Callable[[str], BoardFrozen],
    ) -> None:
        self._board = board
        self._options = options
        self._folders = tuple(Path(folder) for folder in options.bitstreams)
        self._system = system
        self._ports = ports
        self._memory = memory
        self._line = line
        self._log = log
        self._freeze = freeze
        self._base = MASTER_PORTS[board.family][0]
        self._control = board.registers_base + _CONTROL.offset
        self._timed_mhz = 0.0
        self.design: Design | None = None
        self._fabric: Fabric | Stranger | None = Stranger(log) if options.booted_with_another else None

    @property
    def clock_mhz(self) -> float:
        """Fabric clock 0, as PLL and dividers make it; 0 where it stands still."""
        return self._system.fabric_mhz(self._board.family.clocks, self._board.crystal_mhz)

    @property
    def cycles(self) -> int:
        """Of the clock since the last download."""
        return self._fabric.cycles if self._fabric is not None else 0

    # ---- as the slave of the processing system's ports

    def read(self, offset: int) -> int:
        return self._answering().read(self._base + offset)

    def write(self, offset: int, value: int) -> None:
        fabric, address = self._answering(), self._base + offset
        if address == self._control and _CONTROL.extract(value, "start"):
            self._start(fabric)
        fabric.write(address, value)

    def _start(self, fabric: Fabric | Stranger) -> None:
        """A program starts: what is wrong now makes its results so."""
        clock, width = self._overclocked(), self._ports.wrong_width()
        for why in filter(None, (clock, width)):
            self._log.add(Level.FATAL, f"a program starts, and may compute anything: {why}")
        fabric.lose_odd_words(bool(width) or (bool(clock) and self._options.overclock_corrupts))

    def _answering(self) -> Fabric | Stranger:
        """What is in it and can answer now. Raises :class:`Unanswered`."""
        if self._fabric is None:
            raise Unanswered("the fabric is not programmed")
        if not self.clock_mhz:
            raise Unanswered("the fabric's clock stands still")
        if not self._system.shifters_on:
            raise Unanswered("the level shifters between processing system and fabric are off")
        return self._fabric

    # ---- what registers of the processing system do to it

    def system_changed(self, offset: int) -> None:
        """A register of the clock block was written."""
        if self._board.family is Family.ZYNQ7 and offset == FPGA_RST_CTRL and self._fabric is not None:
            self._fabric.reset(bool(self._system.read(FPGA_RST_CTRL) & 1))
        self._begin_again()
        if self._overclocked():
            self._log.add(Level.WARNING, self._overclocked())

    def _begin_again(self) -> None:
        """The memory's latency in cycles is that of the clock in which a design is first used."""
        fabric, mhz = self._fabric, self.clock_mhz
        if isinstance(fabric, Fabric) and self.design and mhz and mhz != self._timed_mhz and not fabric.used:
            fabric.close()
            self._fabric = self._made(self.design)
            if self._board.family is Family.ZYNQ7:
                self._fabric.reset(bool(self._system.read(FPGA_RST_CTRL) & 1))

    def _overclocked(self) -> str:
        """What is wrong with the clock; empty where nothing is."""
        if self.design is None or self.clock_mhz <= self.design.closed_mhz * (1 + 1e-6):
            return ""
        return f"the clock is {self.clock_mhz:.3f} MHz, the design is closed at {self.design.closed_mhz:.3f} MHz"

    # ---- downloads

    def clear(self) -> None:
        """What a download begins with: the old design is gone, whatever it was doing. Raises :class:`BoardFrozen`."""
        fabric, self._fabric, self.design = self._fabric, None, None
        if fabric is None:
            return
        busy = fabric.busy
        fabric.close()
        self._line.drive(False)
        if busy:
            raise self._freeze("a download while the design had transactions in flight, for which DDR waits for ever")

    def program(self, firmware: bytes) -> None:
        """Take a bitstream. Raises :class:`Refused`."""
        design = recognise(firmware, self._board, self._folders)
        self._fabric, self.design = self._made(design), design
        self._log.add(Level.INFO, f"programmed with config {design.config.name!r}, closed at {design.closed_mhz:g} MHz")

    def _made(self, design: Design) -> Fabric:
        return Fabric(self._rtl(design), self._board.registers_base, self._line, self._broken)

    def _rtl(self, design: Design) -> RtlBackend:
        memory, options = self._memory.fabric, self._options
        chosen: dict[str, Any] = {"stalls": options.stalls, "seed": options.seed}
        self._timed_mhz = self.clock_mhz or design.closed_mhz
        chosen["memory"] = options.memory_model or self._board.memory_model(self._timed_mhz)
        try:
            return RtlBackend(
                design.config,
                verilog=fabric_verilog(self._board, design.config),
                memory_base=memory.base,
                memory_bytes=memory.nbytes,
                storage=memory.array,
                **chosen,
            )
        except BackendUnavailable as error:
            raise Refused(str(error)) from None

    def _broken(self, why: str) -> None:
        self._freeze(f"the design breaks the rules of its memory port: {why}")

    def close(self) -> None:
        """End what runs."""
        fabric, self._fabric = self._fabric, None
        if fabric is not None:
            fabric.close()
