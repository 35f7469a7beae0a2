"""Functional model of the whole accelerator: registers, command fetch, validation, engines and errors, but no clock.

The write that starts a program only makes it busy; :meth:`GoldenMachine.run` does the work. Cycle and beat counters
stay zero. The watchdog bounds what a command needs at the least: one whose roofline is above WATCHDOG is not tried but
ends as it would in hardware, which cannot be faster.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator

from gatewright.spec.commands import DecodedCommand, check, decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT, COMMAND_BYTES, MemoryModel
from gatewright.spec.registers import ENGINES, REGISTER_BYTES, REGISTERS, Access, Register, constants, register
from gatewright.spec.roofline import roofline
from gatewright_sim.golden.engines import execute
from gatewright_sim.golden.matrix_walk import reached
from gatewright_sim.memory import BusFault, SimulatedMemory

__all__ = ["GoldenMachine"]

_WORD_BYTES = 4
_BY_OFFSET = {entry.offset: entry for entry in REGISTERS}
_COMPLETED = {engine: f"COMMANDS_{engine.upper()}" for engine in ENGINES}


def _at(offset: int) -> Register | None:
    """The register that a byte offset lies in: the block decodes neither bits below a word nor bits above its range."""
    return _BY_OFFSET.get(offset % REGISTER_BYTES // _WORD_BYTES * _WORD_BYTES)


class GoldenMachine:
    """An accelerator of ``config`` on ``memory``; ``timing`` is what the watchdog's bound is reckoned with."""

    def __init__(self, config: AcceleratorConfig, memory: SimulatedMemory, timing: MemoryModel | None = None) -> None:
        self.config = config
        self.memory = memory
        self.timing = timing or MemoryModel(config.clock_mhz)
        self.reset()

    def reset(self) -> None:
        """All registers to their initial values; a program that runs is dropped."""
        self._hung = self._resetting = False
        self._work: Iterator[None] = iter(())
        self._values = {entry.name: 0 for entry in REGISTERS} | constants(self.config)

    @property
    def irq(self) -> bool:
        """The interrupt line."""
        return bool(self._values["IRQ_ENABLE"] & self._values["IRQ_STATUS"])

    def read(self, offset: int) -> int:
        """The register at byte ``offset``; 0 where there is none, or one that is only written."""
        self._settle()
        entry = _at(offset)
        return self._values[entry.name] if entry and entry.access is not Access.COMMAND else 0

    def write(self, offset: int, value: int) -> None:
        """Set the register at byte ``offset``; ignored where there is none, or one that is only read."""
        self._settle()
        entry = _at(offset)
        if entry is None or entry.access in (Access.CONSTANT, Access.RO):
            return
        if entry.access is Access.W1C:
            self._values[entry.name] &= ~value
        elif entry.access is Access.COMMAND:
            self._control(entry, value)
        else:
            self._values[entry.name] = value & entry.mask

    def _control(self, entry: Register, value: int) -> None:
        if entry.extract(value, "reset"):
            self._values["IRQ_STATUS"] = 0
            self._resetting = True
            self._work = iter(())
            self._settle()
        elif entry.extract(value, "start") and not self._status("busy"):
            self._start()

    def run(self, deadline: float = math.inf) -> bool:
        """Go on with the program that was started; True once it has ended.

        False after the block of work in which ``time.monotonic()`` reaches ``deadline``, and for a program that nothing
        but a reset will end.
        """
        for _ in self._work:
            if time.monotonic() >= deadline:
                return False
        return not self._status("busy")

    def _settle(self) -> None:
        """A reset takes effect as soon as no program's access waits for an answer."""
        if not self._resetting:
            return
        if self.memory.faults.hang and (self._hung or self._status("busy")):
            self._values["STATUS"] |= 1 << register("STATUS").field("busy").lsb
            return
        self._resetting = self._hung = False
        for name in ("STATUS", "ERROR", "ERROR_INDEX", "COMMAND_INDEX"):
            self._values[name] = 0

    def _status(self, field: str) -> int:
        return register("STATUS").extract(self._values["STATUS"], field)

    def _set_status(self, **fields: int) -> None:
        status = register("STATUS")
        self._values["STATUS"] = sum(value << status.field(name).lsb for name, value in fields.items())

    def _start(self) -> None:
        """Take the program's registers and begin it. After a WATCHDOG error nothing runs but that error again."""
        for name in ("ERROR_INDEX", "COMMAND_INDEX", *_COMPLETED.values()):
            self._values[name] = 0
        if self._hung:
            self._end()
            return
        self._values["ERROR"] = 0
        self._set_status(busy=1)
        self._work = self._program(*(self._values[name] for name in ("PROGRAM_ADDR", "PROGRAM_COUNT", "WATCHDOG")))

    def _end(self) -> None:
        self._set_status(done=1, error=int(self._values["ERROR"] != 0))
        self._values["IRQ_STATUS"] = 1 << register("IRQ_STATUS").field("done").lsb

    def _program(self, address: int, count: int, watchdog: int) -> Iterator[None]:
        """The program at ``address``, up to the first command that fails; ``watchdog`` is the first command's limit."""
        for index in range(count):
            self._values["COMMAND_INDEX"] = index
            code, detail = yield from self._command(address + COMMAND_BYTES * index, watchdog)
            self._hung = code is ErrorCode.WATCHDOG
            if self._hung and not watchdog:
                return  # nothing ends it but a reset
            if code is not ErrorCode.NONE:
                error = register("ERROR")
                self._values["ERROR"] = code << error.field("code").lsb | detail << error.field("detail").lsb
                self._values["ERROR_INDEX"] = index
                break
            watchdog = self._values["WATCHDOG"]
        self._end()

    def _least(self, command: DecodedCommand) -> int:
        return roofline(command, self.config, self.timing).min_cycles

    def _command(self, address: int, watchdog: int) -> Generator[None, None, tuple[ErrorCode, int]]:
        """Fetch, validate and execute one command; error code and detail."""
        if self.memory.faults.hang:
            return ErrorCode.WATCHDOG, 0
        if address % ALIGNMENT:
            return ErrorCode.UNALIGNED, 0
        try:
            raw = self.memory.read_rows(address % (1 << 32), 1, COMMAND_BYTES, COMMAND_BYTES).tobytes()
        except BusFault as fault:
            return ErrorCode.READ_SLVERR if fault.slverr else ErrorCode.READ_DECERR, 0
        code, detail = check(raw, self.config)
        if code is not ErrorCode.NONE:
            return code, detail
        command = decode(raw)
        if 0 < watchdog < self._least(command) and watchdog < self._least(reached(command, self.memory)):
            return ErrorCode.WATCHDOG, 0
        code = yield from execute(command, self.memory, self.config)
        if code is ErrorCode.NONE:
            self._values[_COMPLETED[command.spec.engine]] += 1
        return code, 0
