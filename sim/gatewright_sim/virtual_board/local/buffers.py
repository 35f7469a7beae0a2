"""Buffers by number, as processes know them; each belongs to the process that allocated it, and goes with it."""

from __future__ import annotations

import itertools
import threading

from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.memory import Buffer

__all__ = ["Buffers"]


class Buffers:
    """All buffers of a board that its processes have."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self._numbers = itertools.count(1)
        self._held: dict[int, Buffer] = {}
        self._lock = threading.Lock()

    def allocate(self, nbytes: int, *, cacheable: bool) -> int:
        """A new buffer's number. Raises as ``board.allocate``."""
        buffer = self._board.allocate(nbytes, cacheable=cacheable)
        with self._lock:
            number = next(self._numbers)
            self._held[number] = buffer
        return number

    def __getitem__(self, number: int) -> Buffer:
        """Raises :class:`KeyError` where nobody has it."""
        with self._lock:
            return self._held[number]

    def free(self, number: int) -> None:
        """Give one back; an unknown number is ignored, as XRT does."""
        with self._lock:
            buffer = self._held.pop(number, None)
        if buffer is not None:
            buffer.free()
