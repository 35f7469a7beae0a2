"""row_place: the groups of rows, counted, with the words that they lie in."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.engines.aggregate.row_place import part_bits, row_place
from gatewright_sim.components.simulation import simulate


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize("words", [1, 2, 7, 8])
def test_places_follow_each_other_row_by_row(words: int, lanes: int, rng: np.random.Generator) -> None:
    m, step, last_word = Module(), Signal(), Signal(3)
    place = row_place(m, step, last_word, part_bits("Test", lanes))
    parts = BUS_BYTES // lanes
    row = [(part, word) for word in range(words) for part in range(parts)]

    async def testbench(ctx: Any) -> None:
        ctx.set(last_word, words - 1)
        for part, word in 3 * row:
            assert ctx.get(place.group) == parts * word + part
            assert (ctx.get(place.part), ctx.get(place.word)) == (part, word)
            assert ctx.get(place.ends_word) == (part == parts - 1)
            assert ctx.get(place.ends_row) == ((part, word) == row[-1])
            await ctx.tick().repeat(int(rng.integers(1, 3)))
            ctx.set(step, 1)
            await ctx.tick()
            ctx.set(step, 0)

    simulate(m, testbench)


@pytest.mark.parametrize("lanes", [0, 1, 3, 16])
def test_lanes_that_do_not_fill_a_word_are_refused(lanes: int) -> None:
    with pytest.raises(ValueError, match=f"^Part: lanes is {lanes}, allowed 2, 4, 8$"):
        part_bits("Part", lanes)
