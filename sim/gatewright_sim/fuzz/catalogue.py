"""All targets by name."""

from __future__ import annotations

from gatewright.spec.errors import SpecError
from gatewright_sim.fuzz.streams.streams import Streams
from gatewright_sim.fuzz.target import Target

__all__ = ["TARGETS", "get_target"]

TARGETS: dict[str, type[Target]] = {kind.name: kind for kind in (Streams,)}


def get_target(name: str) -> type[Target]:
    """The target called ``name``; :class:`SpecError` lists the names otherwise."""
    try:
        return TARGETS[name]
    except KeyError:
        raise SpecError(f"unknown target {name!r}, allowed: {', '.join(TARGETS)}") from None
