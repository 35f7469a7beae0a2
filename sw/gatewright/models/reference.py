"""The float reference: what a whole request means, in PyTorch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from gatewright.models.data import MovieLens
from gatewright.models.fusion import HybridFusion
from gatewright.models.lightgcn import LightGCN
from gatewright.models.text import load_text_encoder
from gatewright.models.train_fusion import history_tokens
from gatewright.recommender.texts import profile_text

__all__ = ["Agreement", "HybridReference", "agreement"]


@dataclass(frozen=True)
class Agreement:
    """How near one set of scores is to another.

    ``top_overlap`` is the share (0 to 1) of the reference's best unseen items that are among the other's best;
    ``max_abs_error`` and ``cosine`` are over the scores of all items.
    """

    top_overlap: float
    max_abs_error: float
    cosine: float


def agreement(scores: np.ndarray, reference: np.ndarray, seen: np.ndarray, top: int = 10) -> Agreement:
    """Compare float [items] scores of one request with the reference's; the top leaves out item indices ``seen``."""

    def best(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[seen] = -np.inf
        return np.argsort(-values, kind="stable")[:top]

    a, b = scores.astype(np.float64), reference.astype(np.float64)
    return Agreement(
        top_overlap=len(np.intersect1d(best(scores), best(reference))) / top,
        max_abs_error=float(np.abs(a - b).max()),
        cosine=float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b))),
    )


class HybridReference:
    """Scores over all items for requests on the ratings of ``data``.

    Attributes
    ----------
    user_graph, item_graph : float32 [users, 64], [items, 64], unit vectors of LightGCN over all ratings of ``data``
    table : float32 [items, width], the item vectors that a user vector is multiplied with
    """

    @torch.inference_mode()
    def __init__(self, data: MovieLens, gcn: LightGCN, fusion: HybridFusion, text: np.ndarray) -> None:
        self.data, self.fusion = data, fusion
        self.user_graph, self.item_graph = (functional.normalize(x, dim=-1) for x in gcn(LightGCN.adjacency(data)))
        self.table = fusion.items(self.item_graph, torch.from_numpy(text))

    def query_text(self, user: int, query: str | None = None) -> str:
        """What the language model reads: ``query``, or the titles of the user's favourites. ``user`` is an index."""
        if query and query.strip():
            return query.strip()
        return profile_text([self.data.titles[item] for item in self.data.favourites(user)])

    @torch.inference_mode()
    def scores(self, users: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """float32 [len(users), items] for user indices and unit text vectors [len(users), 384]."""
        items, stars, mask = history_tokens(
            self.data, users, self.data.user_ptr[users + 1], self.fusion.options.history
        )
        tokens = self.fusion.tokens(self.table[items], stars)
        vectors = self.fusion(self.user_graph[users], torch.from_numpy(queries), tokens, mask)
        return (vectors @ self.table.T).numpy()

    def request(self, user: int, query: str | None = None) -> np.ndarray:
        """float32 [items]: one whole request, text included. ``user`` is an index."""
        vector = load_text_encoder().encode([self.query_text(user, query)])
        return self.scores(np.array([user]), vector)[0]
