"""A case: a memory, and programs that run in it one after the other; as JSON that people can read and change."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.dram import DDR3_1050_X16, DDR4_2400_X64
from gatewright.spec.memory import COMMAND_BYTES, MemoryModel
from gatewright.spec.memory_port import MemoryPort

__all__ = ["BASES", "MEMORIES", "SIZE", "Run", "Stream"]

SIZE = 1 << 15
"""Bytes of memory."""

BASES = (0x1000_0000, 0, (1 << 32) - SIZE)
"""Where it may lie: in the midst of the addresses, at their start or at their end."""

MEMORIES = {
    "usual": MemoryModel(),
    "quick": MemoryModel(
        dram=DDR4_2400_X64, port=MemoryPort(8, commands=64, way_cycles=0, way_ns=0.0, burst_cycles=0.0)
    ),
    "slow": MemoryModel(
        dram=replace(DDR3_1050_X16, mega_transfers=150.0),
        port=MemoryPort(8, commands=8, way_cycles=130, way_ns=0.0, burst_cycles=2.5),
    ),
    "narrow": MemoryModel(port=MemoryPort(8, commands=1, way_cycles=2, way_ns=0.0, burst_cycles=0.0)),
}


@dataclass(frozen=True)
class Run:
    """One program.

    Attributes
    ----------
    commands : each 64 bytes, in hexadecimal digits.
    address : of the first, where they are written, as far as there is memory.
    count : of PROGRAM_COUNT; behind the commands lies what the memory has there.
    slverr : first and one past the last address of a window that answers SLVERR.
    """

    commands: tuple[str, ...]
    address: int
    count: int
    slverr: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Stream:
    """Attributes
    ----------
    seed : of the noise in the memory, of the registers before their reset, and of the bus' pauses.
    base : of BASES.
    memory : of MEMORIES.
    stalls : chance of a pause of each channel of the bus in a cycle.
    edits : bytes of the memory by their offsets, in hexadecimal digits.
    runs : the programs.
    """

    seed: int
    base: int
    memory: str
    stalls: float
    edits: dict[int, str]
    runs: tuple[Run, ...]

    def image(self) -> npt.NDArray[np.uint8]:
        """The memory before the first program: uint8 [SIZE]."""
        found = np.random.default_rng(self.seed).integers(0, 256, SIZE, np.uint8)
        for offset, digits in self.edits.items():
            put(found, offset, bytes.fromhex(digits))
        return found

    def to_bytes(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def of(cls, data: bytes) -> Stream:
        """The stream of a file. Raises :class:`ValueError`, :class:`KeyError` or :class:`TypeError`."""
        fields: dict[str, Any] = json.loads(data)
        runs = tuple(
            Run(tuple(run["commands"]), run["address"], run["count"], tuple(run["slverr"])) for run in fields["runs"]
        )
        return cls(**fields | {"edits": {int(at): digits for at, digits in fields["edits"].items()}, "runs": runs})

    def place(self, memory: npt.NDArray[np.uint8], run: Run) -> None:
        """Write a program's commands to where they lie."""
        for index, digits in enumerate(run.commands):
            put(memory, run.address + index * COMMAND_BYTES - self.base, bytes.fromhex(digits))


def put(memory: npt.NDArray[np.uint8], offset: int, data: bytes) -> None:
    """Those of the bytes that the memory has a place for."""
    first, last = max(offset, 0), min(offset + len(data), len(memory))
    if first < last:
        memory[first:last] = np.frombuffer(data[first - offset : last - offset], np.uint8)
