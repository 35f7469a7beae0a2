"""EASE, asked with a history in which the latest ratings weigh more."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gatewright.models.baselines.ease import ease_scorer
from gatewright.models.baselines.interactions import interactions, recency
from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens

__all__ = ["RecencyEase"]


@dataclass(frozen=True)
class RecencyEase:
    """`Ease`: its weights are learnt from whole histories, then see each user's with a ``half_life`` in ratings."""

    NAME: ClassVar[str] = "EASE, recency-weighted"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "regularisation": (100.0, 200.0, 400.0, 800.0),
        "half_life": (2.0, 4.0, 7.0, 10.0, 20.0, 50.0),
    }

    regularisation: float = 400.0
    half_life: float = 7.0

    def __post_init__(self) -> None:
        check_positive(self, "regularisation", "half_life")

    def fit(self, train: MovieLens) -> PersonalScorer:
        history = interactions(train, recency(train, self.half_life))
        return PersonalScorer.of(ease_scorer(interactions(train), history, self.regularisation), train)
