"""Spread an engine's readers over the memory ports that it has."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import wiring

from gatewright_hw.bus.arbiter import ReadArbiter

__all__ = ["spread_readers"]


def spread_readers(
    m: Module, groups: Sequence[Sequence[wiring.PureInterface]], ports: Sequence[wiring.PureInterface], outstanding: int
) -> None:
    """Connect ReadPorts of requesters to an engine's ``ports``: each group to one of its own while there are enough,
    the others to the last one. Those of a port share it through a :class:`ReadArbiter` of so many bursts in flight."""
    of_port: list[list[wiring.PureInterface]] = [[] for _ in ports]
    for index, group in enumerate(groups):
        of_port[min(index, len(ports) - 1)] += group
    for index, (requesters, port) in enumerate(zip(of_port, ports, strict=True)):
        if len(requesters) == 1:
            wiring.connect(m, requesters[0], wiring.flipped(port))
            continue
        m.submodules[f"arbiter_{index}"] = arbiter = ReadArbiter(len(requesters), outstanding)
        for requester, shared in zip(requesters, arbiter.ports, strict=True):
            wiring.connect(m, requester, shared)
        wiring.connect(m, arbiter.port, wiring.flipped(port))
