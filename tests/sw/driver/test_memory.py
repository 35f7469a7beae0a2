"""Device arrays, the arena, the simulated heap, the tiling's traffic and the watchdog's estimate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gatewright.driver.arena import Arena
from gatewright.driver.arrays import PlacedArray, row_stride
from gatewright.driver.command_list import CommandList
from gatewright.driver.errors import OutOfDeviceMemory
from gatewright.spec.commands import GEMM, GemmFlags, encode
from gatewright.spec.config import get_config
from gatewright.spec.memory import MemoryModel
from gatewright.spec.tiling import gemm_read_beats, keeps_a_resident
from gatewright_sim.memory import SimulatedMemory

TINY = get_config("tiny")


@pytest.mark.parametrize(("columns", "dtype", "stride"), [(1, "i1", 8), (8, "i1", 8), (9, "i1", 16), (3, "i4", 16)])
def test_row_stride(columns: int, dtype: str, stride: int) -> None:
    assert row_stride(columns, dtype) == stride


def test_rows_are_padded_and_pads_are_not_touched() -> None:
    memory = SimulatedMemory(nbytes=4096)
    memory.array[:] = 0xEE
    values = np.arange(15, dtype=np.int8).reshape(3, 5)
    array = PlacedArray(memory.allocate, values.shape, values.dtype)
    array.put(values)
    raw = memory.array[array.address - memory.base :][: array.nbytes].reshape(3, 8)
    assert array.stride == 8
    assert np.array_equal(raw[:, :5].view(np.int8), values)
    assert (raw[:, 5:] == 0xEE).all()
    assert np.array_equal(array.get(), values)
    vector = PlacedArray(memory.allocate, (3,), np.uint32)
    vector.put([1, 2, 3])
    assert vector.get().tolist() == [1, 2, 3]


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


def test_the_heap_merges_what_is_freed() -> None:
    memory = SimulatedMemory(nbytes=1024)
    pieces = [memory.allocate(size) for size in (100, 200, 300)]
    with pytest.raises(OutOfDeviceMemory, match="704 of 1,024 are in use, the largest free piece has 320"):
        memory.allocate(400)
    for piece in (pieces[0], pieces[2], pieces[1]):
        piece.free()
        piece.free()
    again = memory.allocate(1024)
    assert again.address == memory.base
    pieces[0].free()  # is another's by now
    with pytest.raises(OutOfDeviceMemory):
        memory.allocate(64)


@pytest.mark.parametrize(
    ("m", "n", "k", "kn", "with_a", "with_b"),
    [
        # tiny: a bank's half holds 64 (A) and 128 (B) words; k = 64 takes 8: blocks of 8 tiles, 32 rows of A, 64 of B
        (32, 64, 64, False, 32 * 8 + 64 * 8, 32 * 8 + 64 * 8),
        (33, 64, 64, False, 33 * 8 + 2 * 64 * 8, 33 * 8 + 64 * 8),
        (32, 65, 64, False, 32 * 8 + 65 * 8, 2 * 32 * 8 + 65 * 8),
        (33, 65, 64, True, 33 * 8 + 2 * 64 * 9, 2 * 33 * 8 + 64 * 9),
        # k = 160 takes 20 words: three tiles of A would fit, but blocks are powers of two
        (9, 33, 160, False, 9 * 20 + 2 * 33 * 20, 33 * 20 + 2 * 9 * 20),
        (5, 9, 512, False, 2 * 9 * 64 + 5 * 64, 9 * 64 + 5 * 64),
    ],
)
def test_gemm_traffic(m: int, n: int, k: int, kn: bool, with_a: int, with_b: int) -> None:
    assert gemm_read_beats(m, n, k, TINY, resident_a=True, b_is_kn=kn) == with_a
    assert gemm_read_beats(m, n, k, TINY, resident_a=False, b_is_kn=kn) == with_b
    assert keeps_a_resident(m, n, k, TINY, b_is_kn=kn) == (with_a < with_b)


def _gemm(flags: int = 0, **sizes: int) -> bytes:
    values = {field.name: 0 for field in GEMM.fields} | sizes
    return encode(GEMM, GemmFlags.OUT_INT32 | flags, **values)


def test_the_watchdog_allows_for_work_and_latency() -> None:
    small, large = CommandList([_gemm(m=1, n=1, k=1)]), CommandList([_gemm(m=1, n=1, k=1), _gemm(m=200, n=200, k=512)])
    fast, slow = MemoryModel(), MemoryModel(read_latency=10_000, outstanding_reads=1)
    assert 100_000 < small.watchdog_cycles(TINY, fast) < 101_000
    compute = 200 * 200 * 512 // 32
    beats = gemm_read_beats(200, 200, 512, TINY, resident_a=False)
    assert large.watchdog_cycles(TINY, fast) > 4 * (compute + beats)
    assert large.watchdog_cycles(TINY, slow) > 10_000 * beats
    assert CommandList([bytes(64)]).watchdog_cycles(TINY, fast) == 100_000
    assert CommandList([_gemm(m=2**24 - 1, n=2**24 - 1, k=512)]).watchdog_cycles(TINY, fast) == 2**32 - 1


def test_a_program_decodes_only_what_is_there() -> None:
    program = CommandList([_gemm(m=3, n=1, k=1), bytes(64)])
    assert program.nbytes == len(program.image()) == 128
    command = program.decode(0)
    assert command is not None
    assert command["m"] == 3
    assert program.decode(1) is None
    assert program.decode(2) is None
