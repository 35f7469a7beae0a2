"""The expert on who rated what: LightGCN's item vectors, which the whole rating graph has smoothed.

A user's own vector would be learnt in training and know nothing of a new rating; the sum of the item vectors over the
history is what one more step of propagation gives, with the latest ratings weighing more.
"""

import numpy as np
import torch
from torch.nn import functional

from gatewright.models.data import MovieLens
from gatewright.models.experts.expert import Expert
from gatewright.models.experts.kept import kept_vectors
from gatewright.models.lightgcn import LightGCN, LightGCNOptions, train_lightgcn

__all__ = ["linked"]


def linked(train: MovieLens, options: LightGCNOptions, half_life: float, seed: int) -> Expert:
    """What LightGCN finds alike."""

    def make() -> tuple[np.ndarray, np.ndarray]:
        model = train_lightgcn(train, options, seed)
        with torch.no_grad():
            item = functional.normalize(model(LightGCN.adjacency(train))[1], dim=-1).numpy()
        item[np.bincount(train.items, minlength=train.n_items) == 0] = 0  # all it knows of these is that nobody came
        return item, item

    return Expert.of("linked", half_life, *kept_vectors(train, f"linked, {options}, seed {seed}", make))
