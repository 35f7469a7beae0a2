"""Runs programs by the registers: start, wait, read what happened, and be ready for the next one whatever it was."""

from __future__ import annotations

from typing import Protocol

from gatewright.driver.errors import (
    AcceleratorError,
    AcceleratorTimeout,
    BoardError,
    BusProtocolError,
    ConfigMismatch,
)
from gatewright.driver.programs.command_list import CommandList
from gatewright.driver.registers import RegisterFile
from gatewright.spec.config import SPEC_VERSION, AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import constants, register

__all__ = ["Runner"]

_STATE = ("STATUS", "ERROR", "ERROR_INDEX", "COMMAND_INDEX", "PROGRAM_ADDR", "PROGRAM_COUNT", "CYCLES")
"""What a timeout reports."""

_RESET_POLLS = 1000

_ERROR, _ENDED, _INTERRUPTS, _START = (
    1 << register(name).field(field).lsb
    for name, field in (("STATUS", "error"), ("IRQ_STATUS", "done"), ("IRQ_ENABLE", "done"), ("CONTROL", "start"))
)
"""What each run reads and writes, found once."""


class Launcher(Protocol):
    """What a run needs besides registers; a backend is one."""

    def wait(self, timeout_s: float) -> bool: ...

    def reset(self) -> None: ...


class Runner:
    """The register side of one accelerator.

    Parameters
    ----------
    backend, registers : where it runs.
    config : what it must have been made from.
    watchdog_cycles : most cycles of one command; None for each program's own estimate.
    """

    def __init__(
        self, backend: Launcher, registers: RegisterFile, config: AcceleratorConfig, watchdog_cycles: int | None = None
    ) -> None:
        self._backend = backend
        self._registers = registers
        self._config = config
        self._watchdog_cycles = watchdog_cycles
        self._at_rest = False  # until a reset, or the end of a program, was seen

    def identify(self) -> None:
        """Check that what answers is an accelerator of the configuration. Raises :class:`ConfigMismatch`."""
        wanted = constants(self._config)
        found = self._registers.snapshot(wanted)
        if found["ID"] != wanted["ID"]:
            raise ConfigMismatch(
                f"no gatewright accelerator found: ID is {found['ID']:#010x}, not {wanted['ID']:#010x}"
            )
        major = register("VERSION").extract(found["VERSION"], "major")
        if major != SPEC_VERSION[0]:
            raise ConfigMismatch(f"the accelerator's contract version is {major}, this driver speaks {SPEC_VERSION[0]}")
        for name, value in wanted.items():
            if name != "VERSION" and found[name] != value:
                raise ConfigMismatch(
                    f"the accelerator was not made from config {self._config.name!r}: {name} is {found[name]:#010x}, "
                    f"not {value:#010x}"
                )

    def recover(self) -> None:
        """Reset by register, which is done once the bus is at rest; where that does not come, reset everything."""
        self._at_rest = False
        self._registers.write_fields("CONTROL", reset=1)
        if all(self._registers.field("STATUS", "busy") for _ in range(_RESET_POLLS)):
            self._backend.reset()
        self._at_rest = True

    def run(self, commands: CommandList, address: int, timeout_s: float) -> None:
        """Run the commands, whose image lies at ``address``; counters hold its figures afterwards.

        Raises :class:`AcceleratorError` and :class:`AcceleratorTimeout`.
        """
        registers = self._registers
        if not self._at_rest:  # an interrupt came between a failure and the end of its recovery
            self.recover()
        try:
            self._at_rest = False
            self._start(commands, address)
            finished = self._backend.wait(timeout_s)
        except BusProtocolError:  # a bus that breaks its rules cannot be drained
            self._backend.reset()
            self._at_rest = True
            raise
        except BaseException:  # such as Ctrl-C: what still runs must not mix with the next program
            self.recover()
            raise
        if not finished:
            raise self._timed_out(f"{timeout_s:g} s", commands, registers.read("COMMAND_INDEX"))
        if not registers.read("STATUS") & _ERROR:
            self._at_rest = True
            return
        error = registers.read("ERROR")
        code, detail = (register("ERROR").extract(error, field) for field in ("code", "detail"))
        index = registers.read("ERROR_INDEX")
        if code == ErrorCode.WATCHDOG:
            raise self._timed_out(f"{registers.read('WATCHDOG'):,} cycles", commands, index)
        self.recover()
        raise AcceleratorError(code, index, detail, commands.decode(index), commands.node(index))

    def _start(self, commands: CommandList, address: int) -> None:
        registers = self._registers
        registers.write("PROGRAM_ADDR", address)
        registers.write("PROGRAM_COUNT", len(commands))
        registers.write("WATCHDOG", self._watchdog_cycles or commands.watchdog_cycles)
        registers.write("IRQ_STATUS", _ENDED)
        registers.write("IRQ_ENABLE", _INTERRUPTS)
        registers.write("CONTROL", _START)

    def _timed_out(self, limit: str, commands: CommandList, index: int) -> AcceleratorTimeout:
        state = self._registers.snapshot(_STATE)
        stuck = ""
        try:
            self.recover()
        except BoardError as error:  # its next program tries again
            stuck = str(error)
        return AcceleratorTimeout(limit, index, commands.decode(index), state, commands.node(index), stuck)
