"""The language model alone, zero-shot: items whose titles and genres read like those that a user rated last."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.models.baselines.interactions import interactions, recency
from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.text_vectors import item_vectors
from gatewright.models.unit_rows import unit_rows

__all__ = ["TextAlone", "TextScorer"]


@dataclass(frozen=True)
class TextAlone:
    """Each item's text vector, times the mean of a user's, in which a rating counts half of one ``half_life`` later.

    The vectors are MiniLM's, of which nothing is trained. ``centred``: their mean over all items is taken away first,
    which they have in common whatever they say (J. Mu and P. Viswanath, "All-but-the-Top", ICLR 2018).
    """

    NAME: ClassVar[str] = "LM alone, zero-shot"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "half_life": (0.5, 1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0, 200.0, 1000.0),
        "centred": (False, True),
    }

    half_life: float = 5.0
    centred: bool = True

    def __post_init__(self) -> None:
        check_positive(self, "half_life")

    def fit(self, train: MovieLens, vectors: np.ndarray | None = None) -> PersonalScorer:
        """``vectors``: unit vectors of all items' texts, float32 [items, 384], of another encoder than MiniLM."""
        item = item_vectors(train) if vectors is None else vectors
        if self.centred:
            item = item - item.mean(axis=0)
            item = unit_rows(item)
        weights = interactions(train, recency(train, self.half_life))
        total = np.maximum(np.asarray(weights.sum(axis=1)), 1e-9)
        return PersonalScorer.of(TextScorer((weights @ item) / total, item), train)


@dataclass(frozen=True)
class TextScorer:
    """``user``: float [users, 384], ``item``: float [items, 384]; an item is as well known without any rating."""

    user: np.ndarray
    item: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        return (self.user[users] @ self.item.T).astype(np.float32)
