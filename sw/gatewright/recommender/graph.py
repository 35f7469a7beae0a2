"""A user's LightGCN vector at request time: two hops of the rating graph, aggregated on the accelerator.

With layer-0 vectors e and normalised edges A, a request for user u computes

    first(i)  = sum_v A[i, v] e_v          for the user's movies i  (an AGGREGATE of their rows)
    first(u)  = sum_i A[u, i] e_i          (an AGGREGATE of the user's row)
    second(u) = sum_i A[u, i] first(i)     (an AGGREGATE of the user's row over the rows just made)

and the host averages e_u, first(u) and second(u).
"""

import numpy as np

from gatewright.driver import Accelerator
from gatewright.recommender.host_ops import unit
from gatewright.recommender.quantised import QuantisedGraph
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise

__all__ = ["EDGE_BUDGET", "Graph"]

EDGE_BUDGET = 100_000
"""Most edges that the first hop of one request reads. Rows of older ratings beyond it come from the stored layer 1."""


class Graph:
    """User vectors from the rating graph. Uploads the layer-0 vectors when it is made."""

    def __init__(self, accelerator: Accelerator, values: QuantisedGraph, edge_budget: int = EDGE_BUDGET) -> None:
        self.accelerator, self.values, self.edge_budget = accelerator, values, edge_budget
        self.user, self.item = accelerator.upload(values.user), accelerator.upload(values.item)

    def items_of(self, user: int) -> np.ndarray:
        """Item indices of a user's ratings, oldest first."""
        edges = self.values.by_user.row_ptr
        return self.values.by_user.col[edges[user] : edges[user + 1]]

    def vector(self, user: int) -> np.ndarray:
        """Unit vector, float32 [width], of the user with an index."""
        values, row = self.values, self.values.by_user.rows([user])
        first = self._aggregate(row, self.item, values.item_scale, values.user_first_scale)
        neighbours = self._first_of_items(row.col)
        local = CsrMatrix(row.row_ptr, np.arange(row.nnz, dtype=np.uint32), row.weight, max(row.nnz, 1), row.scale)
        second = self._aggregate(local, neighbours, values.item_first_scale, values.user_second_scale)
        own = values.user[user] * values.user_scale
        return unit(own + first[0] * values.user_first_scale + second[0] * values.user_second_scale).astype(np.float32)

    def _first_of_items(self, items: np.ndarray) -> np.ndarray:
        """int8 [len(items), width], layer 1 of the items, aggregated here for the newest as far as the budget goes."""
        values = self.values
        edges = values.by_item.degrees[items]
        within = np.cumsum(edges[::-1])[::-1] <= self.edge_budget
        rows = values.item_first[items]
        if within.any():
            wanted = values.by_item.rows(items[within])
            rows[within] = self._aggregate(wanted, self.user, values.user_scale, values.item_first_scale)
        return rows

    def _aggregate(self, edges: CsrMatrix, x: object, unit_in: float, unit_out: float) -> np.ndarray:
        return self.accelerator.aggregate(edges, x, Requantise.from_scale(edges.scale * unit_in / unit_out))
