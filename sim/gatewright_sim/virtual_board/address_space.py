"""Physical addresses: who answers where."""

from __future__ import annotations

from typing import Protocol

from gatewright_sim.virtual_board.errors import Unanswered

__all__ = ["AddressSpace", "Slave"]

WORD = 0xFFFF_FFFF


class Slave(Protocol):
    """What answers 32-bit accesses of a range, by byte offset in it, a multiple of 4.

    Raises :class:`Unanswered` where it does not, :class:`BusError` where it answers with an error.
    """

    def read(self, offset: int) -> int: ...

    def write(self, offset: int, value: int) -> None: ...


class AddressSpace:
    """Ranges and their slaves."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int, Slave]] = []

    def add(self, base: int, size: int, slave: Slave) -> None:
        """From now on ``slave`` answers at ``size`` bytes from ``base``."""
        self._ranges.append((base, size, slave))

    def read(self, address: int) -> int:
        """The word at a multiple of 4."""
        slave, offset = self._find(address)
        return slave.read(offset)

    def write(self, address: int, value: int) -> None:
        """Set the word at a multiple of 4."""
        slave, offset = self._find(address)
        slave.write(offset, value & WORD)

    def _find(self, address: int) -> tuple[Slave, int]:
        for base, size, slave in self._ranges:
            if base <= address < base + size:
                return slave, address - base
        raise Unanswered("no slave has this address")
