"""Generators of idle and backpressure."""

from itertools import groupby, islice

import numpy as np
import pytest

from gatewright_sim.benches.harness.pauses import ALONE, CHANNELS, FREE, REGIMES, Pauses, Stalls


@pytest.mark.parametrize("pauses", [Pauses(0.3, 2), Pauses(0.05, 60), Pauses(1.0, 1), Pauses(0.5, 8)], ids=str)
def test_pauses_are_as_frequent_and_as_long_as_they_say(pauses: Pauses, rng: np.random.Generator) -> None:
    cycles = list(islice(pauses.generate(rng), 20_000))
    lengths = [len(list(run)) for held, run in groupby(cycles) if held][:-1]
    assert (min(lengths), max(lengths)) == (1, pauses.longest)
    assert len(lengths) == pytest.approx(pauses.probability * cycles.count(False), rel=0.2)


def test_no_pause_without_a_probability(rng: np.random.Generator) -> None:
    assert not any(islice(Pauses().generate(rng), 1000))


def test_regimes_hold_back_no_side_both_and_each_alone() -> None:
    assert REGIMES[0] == FREE == Stalls()
    sides = {(stalls.idle.probability > 0, stalls.backpressure.probability > 0) for stalls in REGIMES}
    assert sides == {(False, False), (True, True), (True, False), (False, True)}


def test_one_channel_alone_is_held_back() -> None:
    held = [[channel for channel in CHANNELS if stalls.of(channel).probability] for stalls in ALONE]
    assert held == [[channel] for channel in CHANNELS]
