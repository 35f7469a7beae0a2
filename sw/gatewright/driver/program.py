"""A program: encoded commands that lie one after the other in DDR and run in order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.spec.commands import COMMANDS, DecodedCommand, GemmFlags, Opcode, decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES, MemoryModel
from gatewright.spec.roofline import roofline
from gatewright.spec.tiling import gemm_read_beats

__all__ = ["Program"]

_WATCHDOG_BASE = 100_000
_WATCHDOG_FACTOR = 4
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
        """More cycles than any command of the program takes: 4 times a pessimistic estimate, plus 100,000.

        The estimate has no overlap of arithmetic with memory, and every beat pays the latency as a burst of its own.
        """
        most = 0
        for index in range(len(self.commands)):
            if command := self.decode(index):
                most = max(most, _pessimistic_cycles(command, config, memory))
        return min(_WATCHDOG_BASE + _WATCHDOG_FACTOR * most, _WATCHDOG_MAX)


def _pessimistic_cycles(command: DecodedCommand, config: AcceleratorConfig, memory: MemoryModel) -> int:
    bounds = roofline(command, config, memory)
    beats = (bounds.read_bytes + bounds.written_bytes) / BUS_BYTES
    if command.spec.opcode is Opcode.AGGREGATE:  # gathers rows that may fill their last beat in part
        beats += command["nnz"] + command["rows"]
    if command.spec.opcode is Opcode.GEMM and 1 <= command["k"] <= config.gemm_max_k:  # reads an operand again
        beats += gemm_read_beats(
            command["m"],
            command["n"],
            command["k"],
            config,
            resident_a=bool(command.flags & GemmFlags.A_RESIDENT),
            b_is_kn=bool(command.flags & GemmFlags.B_KN),
        )
    wait = memory.read_latency / min(config.outstanding, memory.outstanding_reads)
    wait += memory.write_latency / memory.outstanding_writes
    rate = min(1.0, memory.dram_bytes_per_cycle / BUS_BYTES)
    return bounds.min_cycles_compute + int(beats * (1 / rate + wait))
