"""LightGCN: user and item vectors smoothed over the rating graph, trained with a softmax over items.

X. He et al., "LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation", SIGIR 2020: layer k + 1
is ``A x_k`` with ``A[u, i] = 1 / sqrt(d_u d_i)``, and the final vector is the mean of all layers. The loss is the
sampled softmax of J. Wu et al., "On the Effectiveness of Sampled Softmax Loss for Item Recommendation", 2022, on
cosines.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic

__all__ = ["LightGCN", "LightGCNOptions", "graph_weights", "sample_items", "train_lightgcn"]


@dataclass(frozen=True)
class LightGCNOptions:
    """Hyperparameters: vector width, propagation layers, and how to train."""

    width: int = 64
    layers: int = 2
    steps: int = 300
    batch: int = 256
    candidates: int = 16384
    learning_rate: float = 0.05
    weight_decay: float = 0.1
    temperature: float = 0.15


def graph_weights(data: MovieLens) -> np.ndarray:
    """float32 [ratings], ``1 / sqrt(d_u d_i)`` of each user-item edge."""
    user_degree = np.bincount(data.users, minlength=data.n_users)
    item_degree = np.bincount(data.items, minlength=data.n_items)
    return (1.0 / np.sqrt(user_degree[data.users] * item_degree[data.items].astype(np.float64))).astype(np.float32)


def sample_items(n_items: int, count: int, generator: torch.Generator) -> torch.Tensor:
    """Candidate items of one step: all of them where they are few, else ``count`` drawn uniformly without repeats."""
    if n_items <= count:
        return torch.arange(n_items)
    return torch.randperm(n_items, generator=generator)[:count]


class LightGCN(nn.Module):
    """Embeddings ``user`` [users, width] and ``item`` [items, width], and their propagation over a rating graph."""

    def __init__(self, n_users: int, n_items: int, options: LightGCNOptions, generator: torch.Generator) -> None:
        super().__init__()
        self.options = options
        self.user = nn.Parameter(0.1 * torch.randn(n_users, options.width, generator=generator))
        self.item = nn.Parameter(0.1 * torch.randn(n_items, options.width, generator=generator))

    @staticmethod
    def adjacency(data: MovieLens) -> tuple[torch.Tensor, torch.Tensor]:
        """The normalised bipartite graph as CSR, user x item and item x user."""
        weights = torch.from_numpy(graph_weights(data))
        return (
            _sparse(data.users, data.items, weights, (data.n_users, data.n_items)),
            _sparse(data.items, data.users, weights, (data.n_items, data.n_users)),
        )

    def forward(self, adjacency: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Final vectors of all users and all items: the mean over layers 0 to ``layers``."""
        to_users, to_items = adjacency
        user, item = self.user, self.item
        user_sum, item_sum = user, item
        for _ in range(self.options.layers):
            user, item = _Propagate.apply(to_users, to_items, item), _Propagate.apply(to_items, to_users, user)
            user_sum, item_sum = user_sum + user, item_sum + item
        scale = 1.0 / (self.options.layers + 1)
        return user_sum * scale, item_sum * scale


def _sparse(rows: np.ndarray, columns: np.ndarray, values: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """A matrix in PyTorch's CSR layout, whose constructor warns of being in beta."""
    indices = torch.from_numpy(np.stack([rows, columns]).astype(np.int64))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")
        return torch.sparse_coo_tensor(indices, values, shape, check_invariants=True).coalesce().to_sparse_csr()


class _Propagate(torch.autograd.Function):
    """``matrix @ x`` whose gradient is ``transposed @ g``: both are at hand, so neither is transposed every step."""

    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor, transposed: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        ctx.transposed = transposed
        return matrix @ x

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        return None, None, ctx.transposed @ gradient.contiguous()


@deterministic()
def train_lightgcn(
    data: MovieLens, options: LightGCNOptions, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> LightGCN:
    """A model trained on every rating of ``data`` as an implicit positive."""
    generator = torch.Generator().manual_seed(seed)
    model = LightGCN(data.n_users, data.n_items, options, generator)
    adjacency = LightGCN.adjacency(data)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    items, ptr = torch.from_numpy(data.items).long(), torch.from_numpy(data.user_ptr)
    for step in range(options.steps):
        chosen = torch.randperm(data.n_users, generator=generator)[: options.batch]
        candidates = sample_items(data.n_items, options.candidates, generator)
        row = torch.repeat_interleave(ptr[chosen + 1] - ptr[chosen])
        liked = items[torch.cat([torch.arange(ptr[user], ptr[user + 1]) for user in chosen])]
        user, item = (functional.normalize(x, dim=-1) for x in model(adjacency))
        user = user[chosen] / options.temperature
        log_total = torch.logsumexp(user @ item[candidates].T, 1) + math.log(data.n_items / len(candidates))
        loss = (log_total[row] - (user[row] * item[liked]).sum(-1)).mean()
        size = model.user[chosen].square().mean() + model.item[candidates].square().mean()
        loss = loss + options.weight_decay * size
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if progress:
            progress(step + 1, options.steps)
    return model.eval()
