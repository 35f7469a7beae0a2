"""What a process on the board says to the board: packets over a Unix socket, the first of which says what for.

The library compiles the numbers in (:mod:`gatewright_sim.virtual_board.local.library`).
"""

from __future__ import annotations

import struct
from enum import IntEnum

__all__ = ["HEAD", "MAX_PACKET", "Op", "packet"]

HEAD = struct.Struct("<IIQQ")
"""Operation (in an answer: errno, 0 for done), bytes of data that follow, address, value."""

MAX_PACKET = HEAD.size + 4096


class Op(IntEnum):
    """Operations. The first three open a connection."""

    PROCESS = 1
    """A process's own connection, for everything below; value: its pid."""
    INTERRUPT = 2
    """A UIO node: counts of 4 bytes come, words of 4 bytes arm or mask the interrupt."""
    WRITE_FILE = 3
    """A file of the kernel, opened to be written; data: its path. Each packet is a write, answered by an errno."""
    READ = 4
    """``value`` bytes of memory or registers at ``address``."""
    WRITE = 5
    """The data, to ``address``."""
    ALLOCATE = 6
    """A buffer of ``address`` bytes, cacheable where ``value`` is 1; answered by its number."""
    FREE = 7
    """Of a buffer; ``address``: its number."""
    DESCRIBE = 8
    """Answered by a buffer's physical address and bytes."""
    MAP = 9
    """Answered by the file with what the CPU sees of a buffer, and the offset in it."""
    SYNC = 10
    """Of a buffer, from the device where ``value`` is 1; data: offset and bytes."""
    REFRESH = 11
    """A file of the kernel is about to be read; data: its path."""


def packet(error: int, *, address: int = 0, value: int = 0, data: bytes = b"") -> bytes:
    """An answer."""
    return HEAD.pack(error, len(data), address, value) + data
