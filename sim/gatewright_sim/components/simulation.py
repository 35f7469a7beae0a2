"""Running a component with testbenches in Amaranth's simulator."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from amaranth.hdl import Elaboratable
from amaranth.sim import Simulator, SimulatorContext

__all__ = ["Testbench", "run_pipeline", "simulate"]

CLOCK_S = 1e-8

Testbench = Callable[[SimulatorContext], Coroutine[Any, Any, None]]
"""A coroutine function that sets and reads signals and waits for ticks of the clock."""


def simulate(
    component: Elaboratable, *testbenches: Testbench, background: Iterable[Testbench] = (), cycles: int = 100_000
) -> None:
    """Run ``component`` until all ``testbenches`` have ended; those in the ``background`` need not end.

    Raises
    ------
    AssertionError
        When that takes more than ``cycles`` cycles, so that a handshake that never comes fails the test instead of
        holding it up.
    """

    async def deadline(ctx: SimulatorContext) -> None:
        await ctx.delay(cycles * CLOCK_S)
        raise AssertionError(f"{type(component).__name__}: the testbenches have not ended after {cycles} cycles")

    started: list[Coroutine[Any, Any, None]] = []

    def noted(testbench: Testbench) -> Testbench:
        async def run(ctx: SimulatorContext) -> None:
            started.append(testbench(ctx))
            await started[-1]

        return run

    simulator = Simulator(component)
    simulator.add_clock(CLOCK_S, if_exists=True)
    for testbench in (deadline, *background):
        simulator.add_testbench(noted(testbench), background=True)
    for testbench in testbenches:
        simulator.add_testbench(noted(testbench))
    try:
        simulator.run()
    finally:
        # What still waits for a tick ends here; if the garbage collector ended it, it would complain at any later time.
        for coroutine in started:
            with suppress(RuntimeError):
                coroutine.close()


def run_pipeline(
    component: Any, operands: Sequence[Mapping[str, Any]], results: Sequence[str], **constants: Any
) -> list[tuple[Any, ...]]:
    """Feed a free-running pipeline one set of operands a cycle.

    Parameters
    ----------
    component : has a property ``delay``, the cycles from operands to results.
    operands : the values of inputs, by name, in each cycle.
    results : names of the outputs that are wanted.
    constants : the values of inputs that stay.

    Returns
    -------
    The results of each set of operands, in order.
    """
    taken: list[tuple[Any, ...]] = []

    async def testbench(ctx: SimulatorContext) -> None:
        for name, value in constants.items():
            ctx.set(getattr(component, name), value)
        for cycle in range(len(operands) + component.delay):
            for name, value in operands[min(cycle, len(operands) - 1)].items():
                ctx.set(getattr(component, name), value)
            if cycle >= component.delay:
                taken.append(tuple(ctx.get(getattr(component, name)) for name in results))
            await ctx.tick()

    simulate(component, testbench, cycles=len(operands) + component.delay + 1)
    return taken
