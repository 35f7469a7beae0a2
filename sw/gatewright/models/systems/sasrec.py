"""A small transformer that reads a user's ratings in their order and predicts the next.

W.-C. Kang and J. McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, with a softmax over sampled items in
the place of its one negative, which makes it as good as newer ones (A. Klenitskiy and A. Vasilev, "Turning Dross Into
Gold Loss: is BERT4Rec really better than SASRec?", RecSys 2023).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.models.lightgcn import sample_items
from gatewright.models.systems.vectors import VectorScorer
from gatewright.recommender.errors import RecommenderError

__all__ = ["SasRec"]


@dataclass(frozen=True)
class SasRec:
    """``length`` latest ratings are read; the softmax is over the next item and ``candidates`` others, drawn a step."""

    NAME: ClassVar[str] = "SASRec"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "layers": (1, 2),
        "dropout": (0.2, 0.35, 0.5),
    }

    width: int = 64
    layers: int = 2
    heads: int = 2
    length: int = 50
    dropout: float = 0.35
    epochs: int = 30
    learning_rate: float = 0.002
    batch: int = 64
    candidates: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "width", "layers", "heads", "length", "epochs", "learning_rate", "batch", "candidates")
        if not 0 <= self.dropout < 1:
            raise RecommenderError(f"dropout of {self.NAME} must lie from 0 to below 1, got {self.dropout}")

    @deterministic()
    def fit(self, train: MovieLens) -> PersonalScorer:
        with torch.random.fork_rng(devices=[]):  # layers draw their weights, and dropout, from the global generator
            torch.manual_seed(self.seed)
            reader = _Reader(train.n_items, self)
            self._train(reader, train)
        return PersonalScorer.of(VectorScorer.of(train, *_vectors(reader, train, self.length)), train)

    def _train(self, reader: "_Reader", train: MovieLens) -> None:
        read, count = _windows(train, self.length)
        optimizer = torch.optim.AdamW(reader.parameters(), lr=self.learning_rate, weight_decay=0.01)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(read)).split(self.batch):
                longest = int(count[rows].max())
                before, after = read[rows, : longest - 1], read[rows, 1:longest]
                inside = torch.arange(longest - 1) < count[rows][:, None] - 1
                state, wanted = reader(before)[inside], after[inside]
                others = sample_items(train.n_items, self.candidates, torch.default_generator)
                scores = state @ reader.item.weight[others].T
                scores = scores.masked_fill(others == wanted[:, None], -torch.inf)
                scores = scores + math.log(train.n_items / len(others))
                positive = (state * reader.item.weight[wanted]).sum(1, keepdim=True)
                loss = (torch.logsumexp(torch.cat([positive, scores], 1), 1) - positive.squeeze(1)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


class _Reader(nn.Module):
    """Items int64 [batch, length], oldest first -> what follows each of them, float32 [batch, length, width]."""

    def __init__(self, n_items: int, options: SasRec) -> None:
        super().__init__()
        self.item = nn.Embedding(n_items, options.width)
        self.position = nn.Embedding(options.length, options.width)
        nn.init.normal_(self.item.weight, std=0.05)
        nn.init.normal_(self.position.weight, std=0.05)
        self.dropout = nn.Dropout(options.dropout)
        layer = nn.TransformerEncoderLayer(
            options.width, options.heads, 2 * options.width, options.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, options.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(options.width)

    def forward(self, items: torch.Tensor) -> torch.Tensor:
        length = items.shape[1]
        state = self.dropout(self.item(items) * math.sqrt(self.item.embedding_dim) + self.position.weight[:length])
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        read: torch.Tensor = self.norm(self.layers(state, mask=mask, is_causal=True))
        return read


def _windows(train: MovieLens, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """int64 [windows, length + 1] of ratings in their order, from each user's latest back, and how many each holds.

    They overlap by one, so that each rating but a user's first is predicted once.
    """
    rows, counts = [], []
    for first, end in zip(train.user_ptr[:-1], train.user_ptr[1:], strict=True):
        for stop in range(int(end), int(first) + 1, -length):
            some = train.items[max(first, stop - length - 1) : stop]
            rows.append(np.pad(some, (0, length + 1 - len(some))))
            counts.append(len(some))
    empty = np.zeros((0, length + 1), np.int64)
    return torch.from_numpy(np.array(rows, np.int64) if rows else empty), torch.tensor(counts, dtype=torch.int64)


@torch.no_grad()
def _vectors(reader: _Reader, train: MovieLens, length: int) -> tuple[np.ndarray, np.ndarray]:
    """What each user's latest ratings lead to, float32 [users, width], and the item vectors."""
    reader.eval()
    start = np.maximum(train.user_ptr[:-1], train.user_ptr[1:] - length)
    count = torch.from_numpy(train.user_ptr[1:] - start)
    place = np.minimum(start[:, None] + np.arange(length), max(len(train.items) - 1, 0))
    read = torch.from_numpy(train.items[place].astype(np.int64))
    last = (count - 1).clamp(min=0)
    states = [
        reader(some)[torch.arange(len(some)), at] for some, at in zip(read.split(256), last.split(256), strict=True)
    ]
    return torch.cat(states).numpy(), reader.item.weight.numpy()
