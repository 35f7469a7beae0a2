"""A language model with fewer layers that gives the vectors of a larger one.

The student has the teacher's embeddings, which are not trained, so that words that no text of the training has keep
their meaning; and some of its layers, trained to give the teacher's vectors, and its cosines between any two texts of a
batch (X. Jiao et al., "TinyBERT", EMNLP Findings 2020; W. Park et al., "Relational Knowledge Distillation", CVPR 2019).
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from gatewright.cache import digest
from gatewright.models.text import TextEncoder
from gatewright.training.errors import TrainingError
from gatewright.training.history import History
from gatewright.training.item_encoder import ItemEncoder, fingerprint
from gatewright.training.loop import train
from gatewright.training.plan import Plan

__all__ = ["DistilTask", "Distillation", "Distilled", "distil", "student_of"]


@dataclass(frozen=True)
class Distillation:
    """Options.

    Attributes
    ----------
    layers : of the teacher, that the student begins with; from 0, rising
    batch : texts a step
    relations : weight of the cosines between texts, beside those with the teacher
    held_out : share of the texts that the student is looked at with, and does not learn from
    """

    layers: tuple[int, ...] = (0, 2, 5)
    batch: int = 128
    relations: float = 1.0
    held_out: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.layers or list(self.layers) != sorted({*self.layers}) or self.layers[0] < 0:
            raise TrainingError(f"layers of a student are {list(self.layers)}, allowed: rising numbers from 0")
        if self.batch < 1:
            raise TrainingError(f"batch of a distillation is {self.batch}, allowed: from 1")
        if not self.relations >= 0:
            raise TrainingError(f"relations of a distillation is {self.relations}, allowed: from 0")
        if not 0 < self.held_out < 1:
            raise TrainingError(f"held_out of a distillation is {self.held_out}, allowed: between 0 and 1")


def student_of(teacher: TextEncoder, layers: Sequence[int]) -> TextEncoder:
    """A copy with ``layers`` alone; the embeddings ask for no gradient. Raises `TrainingError` for one that is none."""
    total = len(teacher.bert.encoder.layer)
    wrong = [layer for layer in layers if layer >= total]
    if wrong:
        raise TrainingError(f"layers of a student has {wrong[0]}, the teacher's are 0 to {total - 1}")
    bert = copy.deepcopy(teacher.bert).requires_grad_(True)
    bert.embeddings.requires_grad_(False)
    bert.encoder.layer = nn.ModuleList(bert.encoder.layer[layer] for layer in layers)
    bert.config.num_hidden_layers = len(layers)
    return TextEncoder(bert, teacher.tokenizer)


class DistilTask:
    """A student of ``teacher`` on ``texts``; its quality is the mean cosine with the teacher on texts held out.

    It begins as the teacher's layers that the options name, or as ``begin``, which then is left as it is.
    """

    def __init__(
        self, teacher: TextEncoder, texts: Sequence[str], options: Distillation, begin: TextEncoder | None = None
    ) -> None:
        self.options = options
        texts = sorted(set(texts))
        held = int(np.ceil(len(texts) * options.held_out))
        if held >= len(texts):
            raise TrainingError(f"a distillation needs at least two different texts, got {len(texts)}")
        order = np.random.default_rng(options.seed).permutation(len(texts))
        self.held_out, self.learnt = order[:held], order[held:]
        self.wanted = torch.from_numpy(teacher.encode(texts))
        layers = range(len(begin.bert.encoder.layer)) if begin else options.layers
        self.encoder = student_of(begin or teacher, layers)
        self.module = ItemEncoder(self.encoder.bert, teacher.tokenize(texts))
        self.identity: dict[str, Any] = {
            "model": fingerprint(teacher.bert),
            "begin": fingerprint(self.encoder.bert),
            "data": digest(*texts),
            **{f"distillation.{name}": value for name, value in asdict(options).items()},
        }

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        chosen = rng.choice(self.learnt, min(self.options.batch, len(self.learnt)), replace=False)
        found, wanted = self.vectors(chosen), self.wanted[torch.from_numpy(chosen)]
        relations = (found @ found.T - wanted @ wanted.T).square().mean()
        return 1 - (found * wanted).sum(1).mean() + self.options.relations * relations

    def quality(self) -> float:
        return float((self.table(self.held_out) * self.wanted[self.held_out].numpy()).sum(1).mean())

    def vectors(self, items: np.ndarray) -> torch.Tensor:
        """What the student makes of texts by their index, with a gradient."""
        found: torch.Tensor = self.module(items)
        return found

    def table(self, items: np.ndarray) -> np.ndarray:
        """The same without one."""
        return self.module.table(items)


@dataclass(frozen=True)
class Distilled:
    """``encoder`` has the shape of the teacher, but for its number of layers."""

    encoder: TextEncoder
    history: History


def distil(
    teacher: TextEncoder,
    texts: Sequence[str],
    plan: Plan,
    options: Distillation | None = None,
    *,
    begin: TextEncoder | None = None,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Distilled:
    """A student trained to the end that ``plan`` sets, from ``begin`` or from the teacher's own layers.

    With a ``folder`` it continues from the checkpoint there.
    """
    task = DistilTask(teacher, texts, options or Distillation(), begin)
    return Distilled(task.encoder, train(task, plan, folder=folder, progress=progress))
