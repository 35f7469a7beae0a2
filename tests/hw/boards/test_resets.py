# amaranth: UnusedElaboratable=no
"""PowerOnReset: high from configuration on, low after its cycles and for ever. SynchronisedReset: high at once."""

import re
from typing import Any

import pytest

from gatewright_hw.boards.resets import PowerOnReset, SynchronisedReset
from gatewright_hw.verilog import to_verilog
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


@pytest.mark.parametrize("stages", [2, 3, 8])
def test_a_reset_begins_at_once_and_ends_with_the_clock(stages: int) -> None:
    """Low for a moment between two edges of the clock is enough; it ends ``stages`` edges after the line."""
    dut = SynchronisedReset(stages)
    seen = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.resetn, 1)
        await ctx.tick().repeat(stages)
        assert not ctx.get(dut.reset)
        await ctx.delay(1e-9)
        ctx.set(dut.resetn, 0)
        await ctx.delay(1e-10)
        assert ctx.get(dut.reset)
        ctx.set(dut.resetn, 1)
        for _ in range(stages + 5):
            seen.append(ctx.get(dut.reset))
            await ctx.tick()

    simulate(dut, testbench)
    assert seen == [1] * stages + [0] * 5


def test_vivado_keeps_its_registers_side_by_side() -> None:
    text = to_verilog(SynchronisedReset(3), "reset")
    registers = re.findall(r'(\(\* ASYNC_REG = "TRUE" \*\)\n  (?:output \w+;\n  )?)?\breg \w+', text)
    assert len(registers) == 3
    assert all(registers)


@pytest.mark.parametrize("stages", [1, 9])
def test_stages_are_checked(stages: int) -> None:
    with pytest.raises(ValueError, match=f"SynchronisedReset: stages is {stages}, allowed 2..8"):
        SynchronisedReset(stages)
