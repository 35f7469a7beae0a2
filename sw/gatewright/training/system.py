"""The language model alone, fine-tuned, made smaller or coarser, as systems of a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gatewright.cache import cached_directory, digest
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.models.text import TextEncoder, item_texts, load_text_encoder
from gatewright.sources import PROGRAM_ROOMS, source_version
from gatewright.training.distil import Distillation, distil
from gatewright.training.fabric import FabricEncoder
from gatewright.training.fine_tune import FineTuneByLoss, FineTuneTask, fine_tune
from gatewright.training.item_encoder import fingerprint
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss
from gatewright.training.text_scorer import TextScorer

__all__ = ["SYSTEMS", "TextFineTuned", "TextInt8", "TextLora", "TextStudent"]


@dataclass(frozen=True)
class _Parts:
    train: MovieLens
    validation: MovieLens
    test: MovieLens


@dataclass(frozen=True)
class TextFineTuned:
    """The text encoder brought nearer to what people rate one after the other, all of its weights.

    When to end is found on the latest ``held_out`` of what it is given. ``half_life`` is that of the lists; the vectors
    do not depend on it, and are kept.
    """

    NAME: ClassVar[str] = "LM alone, fine-tuned whole"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {"learning_rate": (1e-4, 3e-4, 1e-3), "half_life": (2.0, 4.0)}
    LORA: ClassVar[Lora | None] = None

    learning_rate: float = 3e-4
    steps: int = 60
    half_life: float = 3.0
    held_out: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "learning_rate", "steps", "half_life", "held_out")

    def fit(self, train: MovieLens, encoder: TextEncoder | None = None) -> TextScorer:
        """``encoder``: by default all-MiniLM-L6-v2."""
        before = encoder or load_text_encoder()
        others = repr(replace(self, half_life=1.0))
        sources = source_version(__name__, rooms=PROGRAM_ROOMS)
        key = digest(train.fingerprint, fingerprint(before.bert), others, sources)

        def make(folder: Path) -> None:
            with deterministic():
                np.save(folder / "vectors.npy", self.vectors(self.tuned(train, before), item_texts(train)))

        vectors = np.load(cached_directory("fine-tuned", key, make) / "vectors.npy")
        return TextScorer(train, vectors, RecommendationLoss(half_life=self.half_life, least_ratings=0))

    def tuned(self, train: MovieLens, encoder: TextEncoder) -> TextEncoder:
        known, latest = train.hold_out_latest(self.held_out)
        plan = Plan(self.steps, self.learning_rate, warm_up=10, validate_every=10, patience=2, seed=self.seed)
        lora = replace(self.LORA, seed=self.seed) if self.LORA else None
        longest, later = (int(np.diff(part.user_ptr).max()) for part in (known, latest))
        loss = RecommendationLoss(length=min(RecommendationLoss.length, longest))
        kind = FineTuneByLoss if later > 1 else FineTuneTask  # a loss needs two ratings of somebody
        return fine_tune(_Parts(known, latest, latest), plan, loss, lora, encoder=encoder, kind=kind).encoder

    def vectors(self, tuned: TextEncoder, texts: list[str]) -> np.ndarray:
        """float32 [texts, width]."""
        return tuned.encode(texts)


@dataclass(frozen=True)
class TextLora(TextFineTuned):
    """The same by adapters of the last two layers, which are merged."""

    NAME: ClassVar[str] = "LM alone, fine-tuned by LoRA"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {"learning_rate": (1e-3, 3e-3, 1e-2), "half_life": (2.0, 4.0)}
    LORA: ClassVar[Lora | None] = Lora(targets=TARGETS, layers=2)

    learning_rate: float = 3e-3


@dataclass(frozen=True)
class TextStudent(TextLora):
    """A student, of three layers, of what LoRA has made."""

    NAME: ClassVar[str] = "LM alone, student"
    STUDENT: ClassVar[Distillation] = Distillation()

    student_steps: int = 200
    student_rate: float = 1e-3

    def vectors(self, tuned: TextEncoder, texts: list[str]) -> np.ndarray:
        plan = Plan(self.student_steps, self.student_rate, validate_every=50, seed=self.seed)
        return distil(tuned, texts, plan, self.STUDENT).encoder.encode(texts)


@dataclass(frozen=True)
class TextInt8(TextLora):
    """What LoRA has made, as the accelerator computes it."""

    NAME: ClassVar[str] = "LM alone, int8"

    def vectors(self, tuned: TextEncoder, texts: list[str]) -> np.ndarray:
        return FabricEncoder.of(tuned, texts).encode(texts)


SYSTEMS = (TextFineTuned, TextLora, TextStudent, TextInt8)
"""A trial of each takes minutes, but for those that differ in their ``half_life`` alone."""
