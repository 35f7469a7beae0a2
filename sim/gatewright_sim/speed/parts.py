"""The parts of the table by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import GatewrightError
from gatewright_sim.speed.graphs import aggregation, graph_size
from gatewright_sim.speed.kernels import attention, gemm, products
from gatewright_sim.speed.minilm import minilm, sequence_length
from gatewright_sim.speed.requests import requests
from gatewright_sim.speed.workload import Workload

__all__ = ["PARTS", "SCALING", "chosen"]

Part = Callable[[AcceleratorConfig], Iterator[Workload]]

SCALING: dict[str, Part] = {"sequence-length": sequence_length, "graph-size": graph_size}
"""How cycles grow: pictures, under the first of the conditions alone."""

PARTS: dict[str, Part] = {
    "gemm": gemm,
    "attention": attention,
    "aggregation": aggregation,
    "products": products,
    "minilm": minilm,
    "requests": requests,
    **SCALING,
}


def chosen(names: Iterable[str]) -> tuple[str, ...]:
    """These parts, all where there are none, in the table's order. Raises :class:`GatewrightError` for another name."""
    wanted = set(names) or set(PARTS)
    unknown = sorted(wanted - PARTS.keys())
    if unknown:
        raise GatewrightError(f"unknown part {unknown[0]!r}, allowed: {', '.join(PARTS)}")
    return tuple(name for name in PARTS if name in wanted)
