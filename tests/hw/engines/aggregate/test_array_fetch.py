# amaranth: UnusedElaboratable=no

"""ArrayFetch: whole arrays, element by element, and a clean end whenever the user has had enough."""

from typing import Any

import numpy as np
import pytest

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.engines.aggregate.array_fetch import ArrayFetch
from gatewright_sim.components.port_memory import PortMemory
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, random_pauses

COUNT_BITS = 20
Job = tuple[int, int, int]
"""Address, count, elements to take before giving up."""


def fetched(dut: ArrayFetch, memory: PortMemory, jobs: list[Job], rng: np.random.Generator) -> list[list[int]]:
    """Runs ``jobs`` one after the other; returns what was taken, per job."""
    taken: list[list[int]] = []

    async def testbench(ctx: Any) -> None:
        for addr, count, take in jobs:
            taken.append([])
            ctx.set(dut.stop, 0)
            ctx.set(dut.addr, addr)
            ctx.set(dut.count, count)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await get_all(dut.element, take, taken[-1], random_pauses(rng, 0, 0, 0, 3))(ctx)
            ctx.set(dut.stop, 1)
            await ctx.tick().until(dut.idle)
        bursts = len(memory.bursts)
        await ctx.tick().repeat(100)
        assert len(memory.bursts) == bursts

    simulate(dut, testbench, background=[memory.reads(dut.port)])
    return taken


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_streams_whole_arrays_and_gives_up_cleanly(bits: int, rng: np.random.Generator) -> None:
    memory = PortMemory(bytearray(rng.bytes(1 << 14)), bits, latency=(1, 30), stall=0.2)
    size = bits // 8

    def somewhere() -> int:
        return BUS_BYTES * int(rng.integers(200))

    jobs = [(somewhere(), count, count) for count in (0, 1, 2, 7, 65, 300)]
    jobs += [(somewhere(), 2000, take) for take in (0, 1, 100)]
    jobs.append((24, 9, 9))  # what was given up does not show here
    expected = [
        [int.from_bytes(memory.data[addr + size * i :][:size], "little") for i in range(take)] for addr, _, take in jobs
    ]
    assert fetched(ArrayFetch(bits, COUNT_BITS), memory, jobs, rng) == expected


def test_reads_each_beat_once_in_bursts_that_end_on_lines(rng: np.random.Generator) -> None:
    memory = PortMemory(bytearray(1 << 12))
    fetched(ArrayFetch(32, COUNT_BITS), memory, [(8 * 5, 101, 101)], rng)
    assert memory.bursts == [(40, 11), (128, 16), (256, 16), (384, 8)]


@pytest.mark.parametrize(
    ("element_bits", "count_bits", "sentence"),
    [
        (12, 20, "ArrayFetch: element_bits is 12, allowed 8, 16, 32"),
        (8, 0, r"ArrayFetch: count_bits is 0, allowed 1\.\.40"),
        (8, 41, r"ArrayFetch: count_bits is 41, allowed 1\.\.40"),
    ],
)
def test_impossible_sizes_are_refused(element_bits: int, count_bits: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ArrayFetch(element_bits, count_bits)
