"""The arena that lends scratch memory."""

from __future__ import annotations

import itertools

import pytest

from gatewright.driver.errors import OutOfDeviceMemory
from gatewright.driver.memory.arena import Arena
from gatewright_sim.memory import SimulatedMemory


def test_the_arena_gives_aligned_pieces_and_coalesces() -> None:
    sizes: list[int] = []
    memory = SimulatedMemory(nbytes=1 << 20)

    def allocate(nbytes: int) -> object:
        sizes.append(nbytes)
        return memory.allocate(nbytes)

    arena = Arena(allocate, chunk_bytes=1024)  # type: ignore[arg-type]
    pieces = [arena.take(size) for size in (1, 100, 2000, 64)]
    assert all(piece.address % 64 == 0 for piece in pieces)
    spans = sorted((piece.address, piece.address + len(piece.array)) for piece in pieces)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
    pieces[0].free()  # an arena frees as a whole
    arena.reset()
    again = [arena.take(size) for size in (1, 100, 2000, 64)]
    assert len({piece.address // 4096 for piece in again}) == 1
    assert sizes == [1024, 2048, 1024, 4096]
    arena.reset()
    assert arena.take(4096).address == again[0].address
    assert len(sizes) == 4
    arena.release()
    assert memory.allocate(1 << 20)


def test_the_arena_takes_less_when_memory_is_short() -> None:
    memory = SimulatedMemory(nbytes=512)
    arena = Arena(memory.allocate, chunk_bytes=1024)
    assert len(arena.take(256).array) == 256
    with pytest.raises(OutOfDeviceMemory):
        arena.take(2048)
