"""A command list: encoded commands that lie one after the other in DDR and run in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.spec.commands import COMMANDS, DecodedCommand, GemmFlags, Opcode, decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES, MemoryModel
from gatewright.spec.registers import ENGINES
from gatewright.spec.roofline import roofline
from gatewright.spec.tiling import gemm_read_beats

__all__ = ["Bounds", "CommandList", "add_bounds"]

Bounds = tuple[int, int, int]

_WATCHDOG_BASE = 100_000
_WATCHDOG_FACTOR = 4
_WATCHDOG_MAX = 2**32 - 1


class CommandList:
    """Raw 64-byte commands. They need not be valid: refusing them is the accelerator's task.

    Parameters
    ----------
    commands : in order.
    config, memory : of the accelerator that they are for, which bounds and watchdog are computed of.
    nodes : for each command the name of the model's node that it belongs to; empty where there is no model.

    Raises :class:`DriverError` for no command at all or a command of another length.

    Attributes
    ----------
    bounds : of each engine compute bound, memory bound and the higher of the two in cycles, each summed over its
        commands that were never replaced, so that a list that runs again costs the same however long it is.
    replaced : the others as they are now, by index; their bounds are for whoever wants to know (:func:`add_bounds`),
        since they take longer to compute than a call may cost.
    watchdog_cycles : more cycles than any of the commands takes: 4 times a pessimistic estimate, plus 100,000. The
        estimate has no overlap of arithmetic with memory, and every beat pays the latency as a burst of its own.
    """

    def __init__(
        self, commands: Iterable[bytes], config: AcceleratorConfig, memory: MemoryModel, nodes: Sequence[str] = ()
    ) -> None:
        self._commands = [bytes(command) for command in commands]
        self._hardware = config, memory
        self._nodes = nodes
        if not self._commands:
            raise DriverError("a command list has 0 commands, allowed: at least 1")
        self.bounds: dict[str, Bounds] = dict.fromkeys(ENGINES, (0, 0, 0))
        self.replaced: dict[int, bytes] = {}
        most = 0
        for index, raw in enumerate(self._commands):
            _check_length(index, raw)
            self._count(index, 1)
            if command := self.decode(index):
                most = max(most, _pessimistic_cycles(command, config, memory))
        self.watchdog_cycles = min(_WATCHDOG_BASE + _WATCHDOG_FACTOR * most, _WATCHDOG_MAX)

    def __len__(self) -> int:
        return len(self._commands)

    @property
    def nbytes(self) -> int:
        """Size in DDR."""
        return COMMAND_BYTES * len(self)

    def image(self) -> npt.NDArray[np.uint8]:
        """The bytes to place in DDR, uint8 [nbytes]."""
        return np.frombuffer(b"".join(self._commands), np.uint8)

    def decode(self, index: int) -> DecodedCommand | None:
        """Command ``index`` taken apart, or None when there is none or its opcode is unknown."""
        if not 0 <= index < len(self) or self._commands[index][0] not in COMMANDS:
            return None
        return decode(self._commands[index])

    def node(self, index: int) -> str:
        """The node that command ``index`` belongs to; empty when there is none."""
        return self._nodes[index] if 0 <= index < len(self._nodes) else ""

    def replace(self, index: int, command: bytes) -> None:
        """Exchange a command for one that takes no longer: the watchdog keeps its estimate."""
        _check_length(index, command)
        if index not in self.replaced:
            self._count(index, -1)
        self._commands[index] = self.replaced[index] = bytes(command)

    def _count(self, index: int, sign: int) -> None:
        if command := self.decode(index):
            add_bounds(self.bounds, command, sign, *self._hardware)


def add_bounds(
    sums: dict[str, Bounds], command: DecodedCommand, times: int, config: AcceleratorConfig, memory: MemoryModel
) -> None:
    """Add to its engine's the compute bound, memory bound and the higher of the two of a command, in cycles, so many
    times."""
    least = roofline(command, config, memory)
    compute, bytes_moved, higher = sums[command.spec.engine]
    sums[command.spec.engine] = (
        compute + times * least.min_cycles_compute,
        bytes_moved + times * least.min_cycles_memory,
        higher + times * least.min_cycles,
    )


def _check_length(index: int, command: bytes) -> None:
    if len(command) != COMMAND_BYTES:
        raise DriverError(f"command {index} has {len(command)} bytes, allowed: {COMMAND_BYTES}")


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
    wait = memory.slowest_beat * (1 / min(config.outstanding, memory.port.commands) + 1 / memory.port.commands)
    access = max(BUS_BYTES, memory.dram.access_bytes) / memory.dram_bytes_per_cycle
    return bounds.min_cycles_compute + int(beats * (max(1.0, access) + wait))
