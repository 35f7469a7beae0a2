"""Aggregations of real graphs: who of MovieLens rated what, each rating in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gatewright.cache import digest
from gatewright.driver.accelerator import Accelerator
from gatewright.models.data import load_movielens
from gatewright.models.graph import user_item_graph
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES
from gatewright_sim.speed.workload import Counted, Workload, working_engine
from gatewright_sim.stimulus import AggregateStimulus

__all__ = ["aggregation", "graph_size"]

ROW_BYTES = (64, 24, 8)
USERS = (42, 84, 168, 336, 671)
"""The first of MovieLens, whose graphs show how cycles grow."""


def aggregation(config: AcceleratorConfig) -> Iterator[Workload]:
    """The whole graph, over rows of several widths."""
    graph = user_item_graph(load_movielens())
    for features in ROW_BYTES:
        if features <= config.max_features:
            yield _workload("aggregation", f"MovieLens, rows of {features} bytes", graph, features)


def graph_size(config: AcceleratorConfig) -> Iterator[Workload]:
    """Graphs of the first users, over rows of the widest of these widths; the size is the number of edges."""
    data, features = load_movielens(), min(max(ROW_BYTES), config.max_features)
    for users in USERS:
        graph = user_item_graph(data.subset(users))
        yield _workload("graph size", f"{users} users, rows of {features} bytes", graph, features, graph.nnz)


def _workload(part: str, what: str, graph: CsrMatrix, features: int, size: int | None = None) -> Workload:
    arrays = graph.row_ptr, graph.col, graph.weight
    once = COMMAND_BYTES // BUS_BYTES + sum(_beats(each.nbytes) for each in arrays)

    def run(accelerator: Accelerator) -> Counted:
        AggregateStimulus.from_graph(0, graph, features).run(accelerator)
        fetched = accelerator.report().read_beats - once
        return replace(Counted.of(working_engine(accelerator)), hit_rate=1 - fetched / (graph.nnz * _beats(features)))

    return Workload(part, what, digest(str(features), *(each.tobytes() for each in arrays)), run, size)


def _beats(nbytes: int) -> int:
    return -(-nbytes // BUS_BYTES)
