"""Functional model of the whole accelerator: registers, command fetch, validation, engines and errors, but no clock.

A program runs to its end within the write that starts it. Cycle and beat counters stay zero.
"""

from __future__ import annotations

from gatewright.spec.commands import check, decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import ALIGNMENT, COMMAND_BYTES
from gatewright.spec.registers import ENGINES, REGISTER_BYTES, REGISTERS, Access, Register, constants, register
from gatewright_sim.golden.engines import execute
from gatewright_sim.memory import BusFault, SimulatedMemory

__all__ = ["GoldenMachine"]

_WORD_BYTES = 4
_BY_OFFSET = {entry.offset: entry for entry in REGISTERS}
_COMPLETED = {engine: f"COMMANDS_{engine.upper()}" for engine in ENGINES}


def _at(offset: int) -> Register | None:
    """The register that a byte offset lies in: the block decodes neither bits below a word nor bits above its range."""
    return _BY_OFFSET.get(offset % REGISTER_BYTES // _WORD_BYTES * _WORD_BYTES)


class GoldenMachine:
    """An accelerator of ``config`` on ``memory``."""

    def __init__(self, config: AcceleratorConfig, memory: SimulatedMemory) -> None:
        self.config = config
        self.memory = memory
        self.reset()

    def reset(self) -> None:
        """All registers to their initial values."""
        self._hung = self._resetting = False
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
            mask = sum((1 << field.width) - 1 << field.lsb for field in entry.fields) or 0xFFFF_FFFF
            self._values[entry.name] = value & mask

    def _control(self, entry: Register, value: int) -> None:
        if entry.extract(value, "reset"):
            self._values["IRQ_STATUS"] = 0
            self._resetting = True
            self._settle()
        elif entry.extract(value, "start") and not self._status("busy"):
            self._run()

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

    def _run(self) -> None:
        """The program at PROGRAM_ADDR, up to the first command that fails. After a WATCHDOG error that error again."""
        for name in ("ERROR_INDEX", "COMMAND_INDEX", *_COMPLETED.values()):
            self._values[name] = 0
        if not self._hung:
            self._values["ERROR"] = 0
            self._commands()
        if self._status("busy"):
            return
        self._set_status(done=1, error=int(self._values["ERROR"] != 0))
        self._values["IRQ_STATUS"] = 1 << register("IRQ_STATUS").field("done").lsb

    def _commands(self) -> None:
        for index in range(self._values["PROGRAM_COUNT"]):
            self._values["COMMAND_INDEX"] = index
            code, detail = self._command(index)
            self._hung = code is ErrorCode.WATCHDOG
            if self._hung and not self._values["WATCHDOG"]:
                self._set_status(busy=1)  # nothing ends it but a reset
                return
            if code is not ErrorCode.NONE:
                error = register("ERROR")
                self._values["ERROR"] = code << error.field("code").lsb | detail << error.field("detail").lsb
                self._values["ERROR_INDEX"] = index
                return

    def _command(self, index: int) -> tuple[ErrorCode, int]:
        """Fetch, validate and execute one command; error code and detail."""
        if self.memory.faults.hang:
            return ErrorCode.WATCHDOG, 0
        address = self._values["PROGRAM_ADDR"] + COMMAND_BYTES * index
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
        code = execute(command, self.memory)
        if code is ErrorCode.NONE:
            self._values[_COMPLETED[command.spec.engine]] += 1
        return code, 0
