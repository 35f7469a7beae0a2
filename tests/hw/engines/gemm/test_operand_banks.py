"""OperandBanks: bytes of every bank a cycle, whole words in, or transposed."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.gemm.operand_banks import OperandBanks
from gatewright_sim.components.simulation import simulate


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_banks_serialise_words_without_a_gap(depth: int, rng: np.random.Generator) -> None:
    dut = OperandBanks(banks=8, words=16, depth=depth)
    content = rng.integers(0, 256, (8, 16, 8))  # bank, word, byte
    steps = [(word, group) for word in (3, 4, 15) for group in range(8 // depth)] + [(0, 0), (7, 0), (2, 0)]
    keep = rng.integers(0, 1 << depth, (len(steps), 2))  # of even and of odd banks
    got = []

    async def bench(ctx: Any) -> None:
        for bank in range(8):
            for word in range(16):
                ctx.set(dut.write[0].addr, word)
                ctx.set(dut.write[0].data, int.from_bytes(bytes(content[bank, word].tolist()), "little"))
                ctx.set(dut.write[0].bytes, 0xFF)
                ctx.set(dut.write[0].banks, 1 << bank)
                await ctx.tick()
        ctx.set(dut.write[0].banks, 0)
        await ctx.tick()
        for cycle in range(len(steps) + dut.delay):
            at = min(cycle, len(steps) - 1)
            word, group = steps[at]
            ctx.set(dut.read, group == 0 and cycle < len(steps))
            ctx.set(dut.addr, word)
            ctx.set(dut.group, group)
            for side in range(2):
                ctx.set(dut.keep[side], int(keep[at, side]))
            if cycle >= dut.delay:
                got.append([list(ctx.get(value)) for value in dut.value])
            await ctx.tick()

    simulate(dut, bench)
    kept = (np.tile(keep, 4)[:, :, None] >> np.arange(depth) & 1).astype(bool)  # step, bank, place
    expected = [content[:, word, group * depth : (group + 1) * depth] for word, group in steps]
    np.testing.assert_array_equal(got, np.where(kept, expected, 0))


def test_banks_transpose_a_beat(rng: np.random.Generator) -> None:
    """Beat k of a [K, N] matrix becomes byte k of a word in each of eight banks; other bytes and banks keep theirs."""
    dut = OperandBanks(banks=16, words=4, depth=1)
    beats = rng.integers(0, 256, (8, 2, 8))  # k, half of the banks, column
    got = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.write[0].transposed, 1)
        ctx.set(dut.keep[0], 1)
        ctx.set(dut.keep[1], 1)
        ctx.set(dut.write[0].addr, 2)
        for k in rng.permutation(8):
            for half in range(2):
                ctx.set(dut.write[0].data, int.from_bytes(bytes(beats[k, half].tolist()), "little"))
                ctx.set(dut.write[0].bytes, 1 << int(k))
                ctx.set(dut.write[0].banks, 0xFF << 8 * half)
                await ctx.tick()
        ctx.set(dut.write[0].banks, 0)
        await ctx.tick()
        for cycle in range(8 + dut.delay):
            ctx.set(dut.read, cycle == 0)
            ctx.set(dut.addr, 2)
            ctx.set(dut.group, cycle % 8)
            if cycle >= dut.delay:
                got.append([ctx.get(value[0]) for value in dut.value])
            await ctx.tick()

    simulate(dut, bench)
    np.testing.assert_array_equal(got, beats.reshape(8, 16))


@pytest.mark.parametrize("writers", [2, 4])
def test_writers_have_banks_of_their_own_but_for_the_first(writers: int, rng: np.random.Generator) -> None:
    """All write in each cycle; where the first has a bank of another one's, that one's write does not happen."""
    banks, words = 8, 4
    dut = OperandBanks(banks, words, depth=8, writers=writers)
    content = np.zeros((banks, words), np.uint64)
    got = []

    def each(writer: int) -> int:
        """Any of its banks, a bit each."""
        own = (1 << banks // writers) - 1 << writer * banks // writers
        return int(rng.integers(1 << banks)) & (own if writer else -1)

    async def bench(ctx: Any) -> None:
        for _ in range(100):
            taken = 0  # by the first
            for writer in range(writers):
                write = {"addr": int(rng.integers(words)), "data": int(rng.integers(1 << 63)), "banks": each(writer)}
                ctx.set(dut.write[writer], write | {"bytes": 0xFF, "transposed": 0})
                taken = taken if writer else write["banks"]
                for bank in range(banks):
                    if write["banks"] >> bank & 1 and not (writer and taken >> bank & 1):
                        content[bank, write["addr"]] = write["data"]
            await ctx.tick()
        for writer in range(writers):
            ctx.set(dut.write[writer].banks, 0)
        await ctx.tick()
        for side in range(2):
            ctx.set(dut.keep[side], 0xFF)
        for cycle in range(words + dut.delay):
            ctx.set(dut.read, cycle < words)
            ctx.set(dut.addr, min(cycle, words - 1))
            if cycle >= dut.delay:
                got.append([int.from_bytes(bytes(ctx.get(value)), "little") for value in dut.value])
            await ctx.tick()

    simulate(dut, bench)
    np.testing.assert_array_equal(np.array(got, np.uint64).T, content)
