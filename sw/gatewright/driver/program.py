"""A program: encoded commands that lie one after the other in DDR and run in order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.driver.tiling import gemm_read_beats
from gatewright.spec.commands import COMMANDS, DecodedCommand, GemmFlags, Opcode, decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES, MemoryModel
from gatewright.spec.roofline import Roofline, roofline

__all__ = ["Program"]

_WATCHDOG_BASE = 100_000
_WATCHDOG_FACTOR = 64
_WATCHDOG_MAX = 2**32 - 1


class Program:
    """Raw 64-byte commands. They need not be valid: refusing them is the accelerator's task.

    Raises :class:`DriverError` for an empty program or a command of another length.
    """

    def __init__(self, commands: Iterable[bytes]) -> None:
        self.commands = tuple(bytes(command) for command in commands)
        if not self.commands:
            raise DriverError("a program has 0 commands, allowed: at least 1")
        for index, command in enumerate(self.commands):
            if len(command) != COMMAND_BYTES:
                raise DriverError(f"command {index} has {len(command)} bytes, allowed: {COMMAND_BYTES}")

    @property
    def nbytes(self) -> int:
        """Size in DDR."""
        return COMMAND_BYTES * len(self.commands)

    def image(self) -> npt.NDArray[np.uint8]:
        """The bytes to place in DDR, uint8 [nbytes]."""
        return np.frombuffer(b"".join(self.commands), np.uint8)

    def decode(self, index: int) -> DecodedCommand | None:
        """Command ``index`` taken apart, or None when there is none or its opcode is unknown."""
        if not 0 <= index < len(self.commands) or self.commands[index][0] not in COMMANDS:
            return None
        return decode(self.commands[index])

    def watchdog_cycles(self, config: AcceleratorConfig, memory: MemoryModel) -> int:
        """Far more cycles than any command of the program needs: 64 times its bound, plus 100,000."""
        most = 0
        for index in range(len(self.commands)):
            if command := self.decode(index):
                most = max(most, _work_cycles(command, config, memory))
        return min(_WATCHDOG_BASE + _WATCHDOG_FACTOR * most, _WATCHDOG_MAX)


def _work_cycles(command: DecodedCommand, config: AcceleratorConfig, memory: MemoryModel) -> int:
    """The roofline's bound, raised to what the engine's loops need when they must read an operand again or use beats in part."""
    bounds: Roofline = roofline(command, config, memory)
    cycles = bounds.min_cycles
    if command.spec.opcode is Opcode.AGGREGATE:
        cycles = max(cycles, command["nnz"] * -(-command["features"] // BUS_BYTES) + command["nnz"] + command["rows"])
    if command.spec.opcode is Opcode.GEMM and 1 <= command["k"] <= config.gemm_max_k:
        beats = gemm_read_beats(
            command["m"],
            command["n"],
            command["k"],
            config,
            resident_a=bool(command.flags & GemmFlags.A_RESIDENT),
            b_is_kn=bool(command.flags & GemmFlags.B_KN),
        )
        cycles = max(cycles, memory.min_cycles(beats * BUS_BYTES, 0))
    return cycles
