"""Fine-tuning of the text encoder on the recommendation loss, whole or by LoRA: the same data, the same end."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gatewright.evaluation.protocols import FullRanking
from gatewright.models.baselines.tune import Parts
from gatewright.models.text import TextEncoder, item_texts, load_text_encoder
from gatewright.training.history import History
from gatewright.training.item_encoder import ItemEncoder, fingerprint
from gatewright.training.loop import train
from gatewright.training.lora import Lora, adapt, merge
from gatewright.training.plan import Plan
from gatewright.training.ranks import ALONE, Ranks
from gatewright.training.recommendation_loss import RecommendationLoss, draw_stretches, stretch_loss
from gatewright.training.text_scorer import TextScorer

__all__ = ["FineTuneByLoss", "FineTuneTask", "FineTuned", "fine_tune"]

HELD_OUT_BATCHES = 6


class FineTuneTask:
    """A copy of ``encoder`` (default: all-MiniLM-L6-v2) on ``parts.train``, looked at on ``parts.validation``.

    With ``lora``, its adapters are trained and everything else stays; without, everything is trained. Dropout is off:
    trainings are short, and what frozen layers make of a text can be kept. Of several ``ranks`` it is the share of one.
    """

    def __init__(
        self,
        parts: Parts,
        loss: RecommendationLoss,
        lora: Lora | None = None,
        *,
        encoder: TextEncoder | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        encoder = encoder or load_text_encoder()
        bert = copy.deepcopy(encoder.bert).eval().requires_grad_(True)
        start = fingerprint(bert)
        frozen = adapt(bert, lora) if lora else 0
        self.train, self.options, self.ranks = parts.train, loss, ranks
        self.protocol = FullRanking(parts.train, parts.validation)
        self.module = ItemEncoder(bert, encoder.tokenize(item_texts(parts.train)), frozen)
        self.encoder = TextEncoder(bert, encoder.tokenizer)
        self.identity: dict[str, Any] = {
            "model": start,
            "data": parts.train.fingerprint,
            "validation": parts.validation.fingerprint,
            "lora": asdict(lora) if lora else None,
            **{f"loss.{name}": value for name, value in asdict(loss).items()},
        }

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        stretches = draw_stretches(self.train, self.options, rng)
        mine = self.ranks.share(len(stretches))
        items, place = np.unique(stretches[mine], return_inverse=True)
        own = self.module(items)[torch.from_numpy(place.reshape(-1))]
        return stretch_loss(own, self.ranks.gather(own), stretches, mine.start, self.options.temperature)

    def quality(self) -> float:
        """NDCG@10 of the full ranking of validation."""
        scorer = TextScorer.of(self.train, self.module, self.options)
        return self.protocol.measure(scorer, "fine-tuned text").all.mean("ndcg") or 0.0


class FineTuneByLoss(FineTuneTask):
    """The same, looked at by what it minimises: the loss of stretches of ``parts.validation``, the same at every look.

    Lists of ten hardly tell two encoders apart: much of them is decided by how often movies are rated.
    """

    def __init__(
        self, parts: Parts, loss: RecommendationLoss, lora: Lora | None = None, *, encoder: TextEncoder | None = None
    ) -> None:
        super().__init__(parts, loss, lora, encoder=encoder)
        rng = np.random.default_rng(0)
        longest = int(np.diff(parts.validation.user_ptr).max(initial=0))
        held_out = replace(loss, length=min(loss.length, longest))
        self.held_out = [draw_stretches(parts.validation, held_out, rng) for _ in range(HELD_OUT_BATCHES)]
        self.identity["quality"] = f"loss of {HELD_OUT_BATCHES} batches"

    @torch.no_grad()
    def quality(self) -> float:
        """The negative of the loss."""
        items, place = np.unique(self.held_out, return_inverse=True)
        vectors = self.module(items)[torch.from_numpy(place.reshape(len(self.held_out), -1))]
        temperature = self.options.temperature
        pairs = zip(vectors, self.held_out, strict=True)
        return -float(np.mean([float(stretch_loss(own, own, batch, 0, temperature)) for own, batch in pairs]))


@dataclass(frozen=True)
class FineTuned:
    """``encoder`` has the shape of the one that training began with: adapters are merged."""

    encoder: TextEncoder
    history: History
    scorer: TextScorer


def fine_tune(
    parts: Parts,
    plan: Plan,
    loss: RecommendationLoss | None = None,
    lora: Lora | None = None,
    *,
    encoder: TextEncoder | None = None,
    kind: type[FineTuneTask] = FineTuneTask,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FineTuned:
    """The text encoder trained on ``parts.train`` to the end that ``plan`` sets on ``parts.validation``.

    ``kind`` says what looks see. With a ``folder`` it continues from the checkpoint there. Raises what `train` and
    `adapt` do.
    """
    task = kind(parts, loss or RecommendationLoss(), lora, encoder=encoder)
    history = train(task, plan, folder=folder, progress=progress)
    if lora:
        merge(task.encoder.bert)
    return FineTuned(task.encoder, history, TextScorer.of(parts.train, task.module, task.options))
