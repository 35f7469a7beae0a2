"""The language model alone, fine-tuned, as one of the systems that are compared."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.text import TextEncoder, item_texts
from gatewright.training.fine_tune import fine_tune
from gatewright.training.item_encoder import ItemEncoder
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss
from gatewright.training.text_scorer import TextScorer

__all__ = ["TextFineTuned"]


@dataclass(frozen=True)
class _Parts:
    train: MovieLens
    validation: MovieLens
    test: MovieLens


@dataclass(frozen=True)
class TextFineTuned:
    """The text encoder brought nearer to what people rate one after the other.

    LoRA on the last ``layers``; 0 trains it whole. A training takes minutes, so that there is no grid: options were
    chosen by hand, on validation. When to end one is found on the latest ``held_out`` of what it is given.
    """

    NAME: ClassVar[str] = "LM alone, fine-tuned"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {}

    layers: int = 2
    learning_rate: float = 3e-3
    steps: int = 60
    half_life: float = 3.0
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "learning_rate", "half_life", "held_out")

    def fit(self, train: MovieLens, encoder: TextEncoder | None = None) -> TextScorer:
        """``encoder``: by default all-MiniLM-L6-v2."""
        known, latest = train.hold_out_latest(self.held_out)
        plan = Plan(self.steps, self.learning_rate, warm_up=10, validate_every=10, patience=2, seed=self.seed)
        lora = Lora(layers=self.layers, targets=TARGETS, seed=self.seed) if self.layers else None
        length = min(RecommendationLoss.length, int(np.diff(known.user_ptr).max()))
        loss = RecommendationLoss(length=length, half_life=self.half_life)
        tuned = fine_tune(_Parts(known, latest, latest), plan, loss, lora, encoder=encoder)
        module = ItemEncoder(tuned.encoder.bert, tuned.encoder.tokenize(item_texts(train)))
        return TextScorer.of(train, module, replace(loss, least_ratings=0))
