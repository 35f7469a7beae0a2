# amaranth: UnusedElaboratable=no
"""PowerOnReset: high from configuration on, low after its cycles and for ever."""

from typing import Any

import pytest

from gatewright_hw.boards.resets import PowerOnReset
from gatewright_sim.components.simulation import simulate


@pytest.mark.parametrize("cycles", [1, 2, 255, 1000])
def test_its_length(cycles: int) -> None:
    dut = PowerOnReset(cycles)
    seen = []

    async def testbench(ctx: Any) -> None:
        for _ in range(2 * cycles + 10):
            seen.append(ctx.get(dut.reset))
            await ctx.tick()

    simulate(dut, testbench)
    assert seen == [1] * cycles + [0] * (cycles + 10)


@pytest.mark.parametrize("cycles", [0, 65536])
def test_cycles_are_checked(cycles: int) -> None:
    with pytest.raises(ValueError, match=f"PowerOnReset: cycles is {cycles}, allowed 1..65535"):
        PowerOnReset(cycles)
