# amaranth: UnusedElaboratable=no

"""RowStore: rows come through two readers in turns, and any two of their words follow their addresses by a cycle."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.aggregate.row_store import RowStore
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import get_all, put_all, random_pauses

WORDS, ROW_WORDS = 32, 8


@pytest.mark.parametrize("row_words", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("slow", [False, True])
def test_rows_of_several_commands(row_words: int, slow: bool, rng: np.random.Generator) -> None:
    """As many rows as fit, one, two, three, none, and as many again; each word is read at both places."""
    dut = RowStore(WORDS, ROW_WORDS)
    slot_bits = (row_words - 1).bit_length()
    most = WORDS >> slot_bits
    pauses = (0, 0, 1, 4) if slow else (0,)
    fills = [min(rows, most) for rows in (most, 1, 2, 3, 0, most)]
    contents = [rng.integers(0, 1 << 63, (rows, row_words)) for rows in fills]
    asked: list[int] = []

    def supply(place: int) -> Any:
        words = [int(word) for rows in contents for row in rows[place::2] for word in row]
        return put_all(dut.features[place], words, random_pauses(rng, *pauses))

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.last_word, row_words - 1)
        ctx.set(dut.slot_bits, slot_bits)
        for rows in contents:
            ctx.set(dut.rows, len(rows))
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            assert ctx.get(dut.filling) == (len(rows) > 0)
            while ctx.get(dut.filling):
                await ctx.tick()
            places = [(row, word) for row in range(len(rows)) for word in range(row_words)]
            for first, second in zip(places, rng.permutation(places).tolist(), strict=True):
                for place, (row, word) in enumerate((first, second)):
                    ctx.set(dut.addr[place], (row << slot_bits) + word)
                await ctx.tick()
                assert (ctx.get(dut.data[0]), ctx.get(dut.data[1])) == (rows[tuple(first)], rows[tuple(second)])

    indices = get_all(dut.index, sum(fills), asked, random_pauses(rng, *pauses))
    simulate(dut, testbench, background=[supply(0), supply(1), indices])
    assert asked == [index for rows in fills for index in range(rows)]


def test_a_word_a_cycle() -> None:
    dut = RowStore(WORDS, ROW_WORDS)
    cycles = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.last_word, ROW_WORDS - 1)
        ctx.set(dut.slot_bits, 3)
        ctx.set(dut.rows, WORDS // ROW_WORDS)
        ctx.set(dut.index.ready, 1)
        for port in dut.features:
            ctx.set(port.valid, 1)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        while ctx.get(dut.filling):
            cycles.append(1)
            await ctx.tick()

    simulate(dut, testbench)
    assert len(cycles) == WORDS


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ((1, 1), r"RowStore: words is 1, allowed 2\.\.65536"),
        ((8, 0), r"RowStore: row_words is 0, allowed 1\.\.8"),
        ((8, 9), r"RowStore: row_words is 9, allowed 1\.\.8"),
    ],
)
def test_impossible_sizes_are_refused(sizes: tuple[int, int], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        RowStore(*sizes)
