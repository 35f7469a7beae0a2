"""PerformanceCounters: each counts its event, from where it was cleared, modulo 2**32."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from gatewright.spec.registers import ENGINES, REGISTERS
from gatewright_hw.counters import COUNTER_BITS, PerformanceCounters
from gatewright_sim.components.simulation import simulate

EVENTS = {"cycles": ("busy", 0), "read_beats": ("read_beats_now", 0), "write_beats": ("write_beat", 0)}
EVENTS |= {f"cycles_{engine}": ("active", place) for place, engine in enumerate(ENGINES)}
EVENTS |= {f"commands_{engine}": ("completed", place) for place, engine in enumerate(ENGINES)}
"""The input of each counter, and the bit of it."""


def test_there_is_one_for_each_counter_register() -> None:
    assert set(PerformanceCounters.outputs) == set(EVENTS)
    assert {name.upper() for name in EVENTS} <= {entry.name for entry in REGISTERS}


@pytest.mark.parametrize("cleared_at", [0, 17])
def test_they_count(cleared_at: int, rng: np.random.Generator) -> None:
    dut = PerformanceCounters()
    values = {
        name: rng.integers(0, 1 << len(getattr(dut, name)), 60) for name in {event for event, _ in EVENTS.values()}
    }
    got: dict[str, int] = {}

    async def testbench(ctx: Any) -> None:
        for cycle in range(60):
            for name, series in values.items():
                ctx.set(getattr(dut, name), int(series[cycle]))
            ctx.set(dut.clear, cycle == cleared_at)
            await ctx.tick()
        got.update({name: ctx.get(getattr(dut, name)) for name in EVENTS})

    simulate(dut, testbench)
    counted = {name: series[cleared_at + 1 :] for name, series in values.items()}
    assert got == {name: int(np.sum(counted[event] >> bit & 1)) for name, (event, bit) in EVENTS.items()}


def test_they_carry_into_every_bit() -> None:
    """Counts that no simulation comes to: each counter goes on from below each power of two, and from its greatest to
    zero, and stays there without its event."""
    dut = PerformanceCounters()
    counters = [getattr(dut, name) for name in EVENTS]

    async def testbench(ctx: Any) -> None:
        for happens, bit in product((1, 0), range(COUNTER_BITS + 1)):
            for name in {event for event, _ in EVENTS.values()}:
                ctx.set(getattr(dut, name), -happens)
            for before in ((1 << bit) - 1, (1 << bit) % (1 << COUNTER_BITS)):
                for counter in counters:
                    ctx.set(counter, before)
                await ctx.tick()
                expected = (before + happens) % (1 << COUNTER_BITS)
                assert [ctx.get(counter) for counter in counters] == [expected] * len(counters)

    simulate(dut, testbench)
