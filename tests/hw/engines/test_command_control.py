# amaranth: UnusedElaboratable=no

"""CommandControl: one command at a time, started when it has settled, done once."""

from typing import Any

import numpy as np
import pytest

from gatewright_hw.engines.command_control import CommandControl
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.streams import put_all, random_pauses, stream_put


@pytest.mark.parametrize("settle", [0, 1, 3])
def test_a_command_starts_when_it_has_settled(settle: int) -> None:
    dut = CommandControl(settle)
    starts = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.finished, 1)  # of no account before it runs
        await stream_put(ctx, dut.command, 0xABC)
        for cycle in range(1, settle + 3):
            assert ctx.get(dut.taken) == 0xABC
            assert not ctx.get(dut.command.ready)
            starts.append(ctx.get(dut.start))
            assert ctx.get(dut.done) == ctx.get(dut.running) == (cycle == settle + 2)
            await ctx.tick()
        assert ctx.get(dut.command.ready)
        assert not ctx.get(dut.done)
        assert ctx.get(dut.taken) == 0xABC

    simulate(dut, testbench)
    assert starts == [0] * settle + [1, 0]


def test_commands_run_one_after_the_other(rng: np.random.Generator) -> None:
    dut = CommandControl(settle=2)
    commands = [int.from_bytes(rng.bytes(64), "little") for _ in range(20)]
    log: list[tuple[str, int]] = []

    async def engine(ctx: Any) -> None:
        """Finishes a command some cycles after its start."""
        left = 0
        while len(log) < 2 * len(commands):
            ctx.set(dut.finished, left == 0)
            _, _, start, done, taken = await ctx.tick().sample(dut.start, dut.done, dut.taken)
            if start:
                log.append(("start", taken))
                left = int(rng.integers(0, 9))
            elif left:
                left -= 1
            if done:
                log.append(("done", taken))

    simulate(dut, engine, put_all(dut.command, commands, random_pauses(rng, 0, 0, 12)))
    assert log == [(event, command) for command in commands for event in ("start", "done")]


def test_impossible_settling_is_refused() -> None:
    with pytest.raises(ValueError, match=r"CommandControl: settle is 17, allowed 0\.\.16"):
        CommandControl(17)
