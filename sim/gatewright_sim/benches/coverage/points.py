"""What a command and its memory are classed by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from gatewright.spec.commands import FLAGS_BITS, CommandSpec, DecodedCommand
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches.harness.pauses import CHANNELS, Stalls

__all__ = ["ALONE", "ERROR", "HELD", "LATENCY", "Point", "Sample", "choice", "flag", "flags", "near", "size"]

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


def flags(spec: CommandSpec, config: AcceleratorConfig, without: int = 0) -> Point:
    """Every combination of flags that a command may have under ``config``, but for those ``without`` which it is of
    interest."""
    legal = [value for value in range(1 << FLAGS_BITS) if not value & without and not spec.bad_flags(value, config)]

    def name(value: int) -> str:
        return "+".join(str(flag.name) for flag in spec.flags if value & flag) or "no flag"

    def of(sample: Sample) -> str | None:
        return None if sample.command.flags & without else name(sample.command.flags)

    return Point("flags", tuple(map(name, legal)), of)


def choice(field: str, kinds: Any, only_with: int = 0) -> Point:
    """A field that is one of an enumeration, or of some of its members; of commands with a flag, if only those use
    it."""
    names = {int(kind): str(kind.name) for kind in kinds}

    def of(sample: Sample) -> str | None:
        unused = only_with and not sample.command.flags & only_with
        return None if unused else names[sample.command[field]]

    return Point(field, tuple(names.values()), of)


def flag(one: IntFlag, only_with: int) -> Point:
    """Whether a flag is set, of commands with another."""

    def of(sample: Sample) -> str | None:
        return None if not sample.command.flags & only_with else "set" if sample.command.flags & one else "clear"

    return Point(str(one.name), ("set", "clear"), of)


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
