"""The float reference: what a whole request means, in PyTorch."""

import numpy as np
import torch
from torch.nn import functional

from gatewright.models.data import MovieLens
from gatewright.models.fusion import HybridFusion
from gatewright.models.lightgcn import LightGCN
from gatewright.models.text import load_text_encoder
from gatewright.models.train_fusion import history_tokens
from gatewright.recommender.texts import profile_text

__all__ = ["HybridReference"]


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
        return query or profile_text([self.data.titles[item] for item in self.data.favourites(user)])

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
