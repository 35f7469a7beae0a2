"""Accesses of a processor, of 1 to 64 bytes, as words of the board's bus."""

from __future__ import annotations

from gatewright_sim.virtual_board import BusError, VirtualBoard

__all__ = ["read", "write"]

WORD = 4


def read(board: VirtualBoard, address: int, size: int) -> bytes:
    """The bytes of every word that the access touches, each read once. Raises as ``board.read32``."""
    first = address - address % WORD
    words = [board.read32(at) for at in range(first, address + size, WORD)]
    data = b"".join(word.to_bytes(WORD, "little") for word in words)
    return data[address - first : address - first + size]


def write(board: VirtualBoard, address: int, data: bytes) -> None:
    """Raises as ``board.write32``, and :class:`BusError` for less than a word: the board's bus has no byte strobes."""
    if address % WORD or len(data) % WORD:
        raise BusError(f"write of {len(data)} bytes to {address:#x}: the virtual board takes whole words")
    for at in range(0, len(data), WORD):
        board.write32(address + at, int.from_bytes(data[at : at + WORD], "little"))
