"""Training of the fusion: predict a rating from the history before it and a query.

A training example is one rating of a user. History and graph vector are those of the moment before it: the graph vector
sums the layer-0 and layer-1 vectors of the movies rated until then, so that it cannot give the answer away. A quarter
of the examples ask with words about the movie, as a person might type them (genres, more or less of the title); the
others with the user's profile text. So the model learns to follow a query and to do without one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
import torch
from torch.nn import functional

from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.models.fusion import FusionOptions, HybridFusion
from gatewright.models.lightgcn import LightGCN, sample_items
from gatewright.models.text import TextEncoder
from gatewright.recommender.texts import profile_text

__all__ = ["FusionTraining", "history_tokens", "profile_texts", "train_fusion"]


@dataclass(frozen=True)
class FusionTraining:
    """Hyperparameters of the fusion's training."""

    steps: int = 200
    batch: int = 128
    candidates: int = 16384
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    graph_weight: float = 8.0  # of a cosine in a score, before training
    text_weight: float = 4.0
    typed_share: float = 0.25
    graph_noise: float = 0.5  # norm of the noise on a unit graph vector, since a request's differ from training's
    text_noise: float = 0.4  # norm of the noise on a typed query
    warm_up: float = 0.5  # share of a user's oldest ratings that are never targets
    gap: float = 0.1  # most of a user's ratings that may lie between history and target: not only the next one matters


def profile_texts(data: MovieLens) -> list[str]:
    """The stand-in query of every user."""
    return [profile_text([data.titles[item] for item in data.favourites(user)]) for user in range(data.n_users)]


def history_tokens(data: MovieLens, users: np.ndarray, end: np.ndarray, length: int) -> tuple[torch.Tensor, ...]:
    """Items, half stars and mask, each [len(users), length], of the ratings before ``end``, most recent first."""
    position = end[:, None] - 1 - np.arange(length)
    first = data.user_ptr[users][:, None]
    mask = position >= first
    position = np.clip(
        position, first, len(data.items) - 1, out=position
    )  # of who has none, another's: not attended to
    return tuple(torch.from_numpy(x) for x in (data.items[position].astype(np.int64), data.half_stars[position], mask))


class _Queries:
    """Text vectors of the queries that training asks with."""

    def __init__(self, data: MovieLens, text: torch.Tensor, encoder: TextEncoder, noise: float) -> None:
        self.text, self.noise = text, noise
        self.profile = torch.from_numpy(encoder.encode(profile_texts(data)))
        self.favourites = [data.favourites(user) for user in range(data.n_users)]
        self.genres = [sorted(set(genres.split("|"))) for genres in data.genres]
        names = sorted({name for genres in self.genres for name in genres})
        pairs = list(combinations_with_replacement(names, 2))
        vectors = encoder.encode([" ".join(dict.fromkeys(pair)).lower() for pair in pairs])
        self.pair = dict(zip(pairs, torch.from_numpy(vectors), strict=True))

    def of_profile(self, user: int, target: int) -> torch.Tensor:
        """The user's profile, without the target if that is one of the favourites."""
        others = self.favourites[user][self.favourites[user] != target]
        if len(others) in (0, len(self.favourites[user])):
            return self.profile[user]
        return functional.normalize(self.text[torch.from_numpy(others.astype(np.int64))].mean(0), dim=0)

    def typed(self, target: int, rng: np.random.Generator) -> torch.Tensor:
        """Words about the target: one or two of its genres, mixed with its own text, and noise."""
        first, second = sorted(str(name) for name in rng.choice(self.genres[target], 2))
        share = float(rng.random())
        width = self.text.shape[1]
        noise = torch.from_numpy(rng.normal(0, self.noise / width**0.5, width).astype(np.float32))
        return functional.normalize(self.pair[first, second] * share + self.text[target] * (1 - share) + noise, dim=0)


@deterministic()
def train_fusion(
    data: MovieLens,
    gcn: LightGCN,
    text: np.ndarray,
    encoder: TextEncoder,
    options: FusionOptions,
    training: FusionTraining,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> HybridFusion:
    """A fusion trained on the ratings of ``data``; ``text`` is float32 [items, 384], unit vectors of the item texts."""
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    item_text = torch.from_numpy(text)
    queries = _Queries(data, item_text, encoder, training.text_noise)
    item_graph, running = _graph_vectors(data, gcn)
    fusion = HybridFusion(item_graph.shape[1], text.shape[1], options)
    fusion.initialise(item_text, training.graph_weight, training.text_weight, generator)
    optimizer = torch.optim.AdamW(fusion.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, training.steps)
    start, count = data.user_ptr[:-1], np.diff(data.user_ptr)
    eligible = np.flatnonzero(count >= 2)
    for step in range(training.steps):
        users = rng.choice(eligible, training.batch)
        share = training.warm_up + (1 - training.warm_up) * rng.random(training.batch)
        at = np.maximum(np.floor(count[users] * share).astype(np.int64), 1)
        gap = np.floor(rng.random(training.batch) * training.gap * count[users]).astype(np.int64)
        target = start[users] + at
        end = np.maximum(target - gap, start[users] + 1)
        wanted = torch.from_numpy(data.items[target].astype(np.int64))
        typed = rng.random(training.batch) < training.typed_share
        query = torch.stack([
            queries.typed(item, rng) if by_words else queries.of_profile(user, item)
            for user, item, by_words in zip(users, wanted.tolist(), typed, strict=True)
        ])  # fmt: skip
        graph = functional.normalize(running[end] - running[start[users]], dim=-1)
        noise = torch.randn(graph.shape, generator=generator) * training.graph_noise / graph.shape[1] ** 0.5
        items, stars, mask = history_tokens(data, users, end, options.history)
        table = fusion.items(item_graph, item_text)
        user = fusion(functional.normalize(graph + noise, dim=-1), query, fusion.tokens(table[items], stars), mask)
        candidates = sample_items(data.n_items, training.candidates, generator)
        positive = (user * table[wanted]).sum(-1, keepdim=True)
        others = (user @ table[candidates].T).masked_fill(_rated(data, users)[:, candidates], -torch.inf)
        loss = (torch.logsumexp(torch.cat([positive, others], 1), 1) - positive.squeeze(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress:
            progress(step + 1, training.steps)
    return fusion.eval()


def _rated(data: MovieLens, users: np.ndarray) -> torch.Tensor:
    """bool [len(users), items]: what each user has rated, target included; no request ranks these against others."""
    rated = torch.zeros(len(users), data.n_items, dtype=torch.bool)
    for row, user in enumerate(users):
        rated[row, torch.from_numpy(data.items[data.user_ptr[user] : data.user_ptr[user + 1]]).long()] = True
    return rated


@torch.no_grad()
def _graph_vectors(data: MovieLens, gcn: LightGCN) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit item vectors, and the running sum [ratings + 1, width] of what each rating adds to its user's vector."""
    adjacency = LightGCN.adjacency(data)
    _, item = gcn(adjacency)
    adds = (gcn.item + adjacency[1] @ gcn.user)[torch.from_numpy(data.items).long()]
    degree = np.maximum(np.bincount(data.items, minlength=data.n_items), 1)
    adds = adds / torch.from_numpy(np.sqrt(degree)[data.items].astype(np.float32))[:, None]
    running = torch.cat([torch.zeros(1, adds.shape[1], dtype=torch.float64), adds.double().cumsum(0)])
    return functional.normalize(item, dim=-1), running.float()
