"""What a command and its memory are classed by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gatewright.spec.commands import CommandSpec, DecodedCommand
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches.harness.pauses import CHANNELS, Stalls

__all__ = ["ALONE", "ERROR", "HELD", "LATENCY", "Point", "Sample", "choice", "flags", "near", "size"]

HEAVY = 0.5
"""Share of the cycles from which on a channel is held back heavily."""
LONG = 20
"""Cycles from which on a latency is long."""


@dataclass(frozen=True)
class Sample:
    """A command that an engine of ``config`` ran on a memory with ``stalls``, and how it ended."""

    command: DecodedCommand
    config: AcceleratorConfig
    stalls: Stalls
    error: ErrorCode


@dataclass(frozen=True)
class Point:
    """One property with its ``bins``; ``of`` a sample is one of them, or None where it is none of interest."""

    name: str
    bins: tuple[str, ...]
    of: Callable[[Sample], str | None]


def size(
    field: str, step: Callable[[AcceleratorConfig], int], most: Callable[[AcceleratorConfig], int] | None
) -> Point:
    """A size of a command about ``step``, what the engine takes at once, and up to the ``most`` that it takes."""
    bins = ("1", "step - 1", "step", "step + 1", "other", *(("most",) if most else ()))

    def of(sample: Sample) -> str:
        one = step(sample.config)
        named = {one - 1: "step - 1", one: "step", one + 1: "step + 1", 1: "1"}
        named |= {most(sample.config): "most"} if most else {}
        return named.get(sample.command[field], "other")

    return Point(field, bins, of)


def near(point: Point) -> Point:
    """Only the bins of a :func:`size` that are about its step, for crosses of several sizes."""
    bins = point.bins[:4]

    def of(sample: Sample) -> str | None:
        bin_ = point.of(sample)
        return bin_ if bin_ in bins else None

    return Point(point.name, bins, of)


def flags(spec: CommandSpec) -> Point:
    """Every combination of flags that a command may have."""
    legal = [
        value
        for value in range(spec.flags_mask + 1)
        if not value & ~spec.flags_mask
        and (not spec.one_of or value & spec.one_of)
        and not (spec.at_most_one_of and value & spec.at_most_one_of == spec.at_most_one_of)
    ]

    def name(value: int) -> str:
        return "+".join(str(flag.name) for flag in spec.flags if value & flag) or "no flag"

    return Point("flags", tuple(map(name, legal)), lambda sample: name(sample.command.flags))


def choice(field: str, kinds: Any) -> Point:
    """A field that is one of an enumeration."""
    return Point(field, tuple(kind.name for kind in kinds), lambda sample: str(kinds(sample.command[field]).name))


def _share(stalls: Stalls, channel: str) -> float:
    """Of the cycles in which a channel is held back."""
    pauses = stalls.of(channel)
    held = pauses.probability * (pauses.longest + 1) / 2
    return held / (1 + held)


def _level(sample: Sample) -> str:
    most = max(_share(sample.stalls, channel) for channel in CHANNELS)
    return "heavily" if most >= HEAVY else "somewhat" if most else "free"


def _alone(sample: Sample) -> str | None:
    held = [channel for channel in CHANNELS if _share(sample.stalls, channel) >= HEAVY]
    return held[0] if len(held) == 1 else None


def _latency(sample: Sample) -> str:
    return "long" if sample.stalls.latency >= LONG else "short" if sample.stalls.latency else "none"


HELD = Point("held back", ("free", "somewhat", "heavily"), _level)
ALONE = Point("alone", CHANNELS, _alone)
"""The one channel that is held back heavily."""
LATENCY = Point("latency", ("none", "short", "long"), _latency)
ERROR = Point("error", ("NONE", "BAD_ROW_POINTER", "BAD_INDEX"), lambda sample: sample.error.name)
