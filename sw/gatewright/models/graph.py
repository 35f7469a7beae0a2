"""The whole user-item graph as one sparse matrix, for measurements on a real graph."""

import numpy as np

from gatewright.models.data import MovieLens
from gatewright.models.lightgcn import graph_weights
from gatewright.spec.csr import CsrMatrix

__all__ = ["user_item_graph"]


def user_item_graph(data: MovieLens) -> CsrMatrix:
    """LightGCN's normalised adjacency [users + items, users + items], users first, each rating in both directions."""
    weights = graph_weights(data)
    users, items = data.users.astype(np.int64), data.items.astype(np.int64) + data.n_users
    nodes = data.n_users + data.n_items
    ends = np.concatenate([users, items]), np.concatenate([items, users])
    return CsrMatrix.from_coo(*ends, np.concatenate([weights, weights]), nodes, nodes)
