"""Cases of an engine's bench that are only data: commands, and how the memory takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.benches.harness.cases import Case
from gatewright_sim.benches.harness.engine_bench import EngineBench
from gatewright_sim.benches.harness.pauses import CHANNELS, FREE, REGIMES, Stalls
from gatewright_sim.commands import Command
from gatewright_sim.commands.layout import Change

__all__ = ["beginnings", "pace", "resets", "some", "sweep"]

Make = Callable[[np.random.Generator, AcceleratorConfig], Iterable[Command]]


def some(random: Callable[[np.random.Generator, AcceleratorConfig], Command], count: int) -> Make:
    """So many random commands."""
    return lambda rng, config: (random(rng, config) for _ in range(count))


def sweep(
    name: str,
    make: Make,
    stalls: Iterable[Stalls] = (FREE,),
    *,
    reads_once: bool = False,
    seeds: tuple[int, ...] = (1,),
) -> Case:
    """A case that is only data: the commands that ``make`` gives, back to back, anew under each of ``stalls``."""

    async def run(bench: EngineBench) -> None:
        for regime in stalls:
            bench.stall(regime)
            await bench.run_all(make(bench.rng, bench.config), reads_once=reads_once)

    return Case(name, run, seeds)


def pace(make: Make, cycles: Mapping[str, tuple[int, ...]]) -> Case:
    """Commands take as many cycles as they always have, in all: on a memory that never waits, and then with one of its
    CHANNELS at a time held back for HELD cycles from each command's start, so that whatever waits for it fills up.

    Operands are the same whatever the seed. ``cycles`` are those by configuration: one fewer or one more is a change of
    the engine's, which says why.
    """

    async def run(bench: EngineBench) -> None:
        found = []
        for channel in (None, *CHANNELS):
            bench.rng = np.random.default_rng(1)
            bench.hold_first = channel
            found.append(sum(await bench.run_all(make(bench.rng, bench.config))))
        expected = cycles[bench.config.name]
        assert tuple(found) == expected, f"{found} cycles, not {expected}: free, then {', '.join(CHANNELS)} held"

    return Case("as_many_cycles_as_ever", run)


def beginnings(
    name: str, make: Callable[[np.random.Generator, AcceleratorConfig], Iterable[tuple[Command, Change]]]
) -> Case:
    """Commands of sizes that could not be run to their ends: each begins as the small one whose fields are exchanged,
    so that every bit of what counts them down matters."""

    async def run(bench: EngineBench) -> None:
        for command, change in make(bench.rng, bench.config):
            await bench.begin(command, change)

    return Case(name, run)


def resets(victims: Make, after: Make, within: int, *, reads_once: bool = False, seeds: tuple[int, ...] = (1,)) -> Case:
    """A reset within so many cycles of a command's start leaves nothing behind: each of ``victims``, then ``after``."""

    async def run(bench: EngineBench) -> None:
        for victim in victims(bench.rng, bench.config):
            bench.stall(REGIMES[bench.rng.integers(2)])
            await bench.reset_within(victim, within)
            await bench.run_all(after(bench.rng, bench.config), reads_once=reads_once)

    return Case("reset_in_mid_command", run, seeds)
