"""The float reference: what a whole request means."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gatewright.models.data import MovieLens
from gatewright.models.experts.condensed import Heard
from gatewright.models.experts.hybrid import Learnt
from gatewright.models.text import load_text_encoder

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


@dataclass(frozen=True)
class HybridReference:
    """Requests of the users of some ratings, in float: what the accelerator's answers are held to."""

    learnt: Learnt
    data: MovieLens

    @cached_property
    def heard(self) -> Heard:
        """Scores of all items for requests without a query, by user index."""
        return self.learnt.condensed.hear(self.data)

    def request(self, user: int | None, query: str | None = None) -> np.ndarray:
        """float32 [items]: one whole request, text included. ``user`` is an index, or None for somebody unknown."""
        condensed = self.learnt.condensed
        vector = condensed.months[-1] if user is None else self.heard.user[user]
        if query and query.strip():
            text = load_text_encoder().encode([query.strip()])
            vector = vector + condensed.typed(self.learnt.question(text))[0]
        return vector @ condensed.values.T + condensed.bias
