"""The expert on who rated what: LightGCN's item vectors, which the whole rating graph has smoothed.

A user's own vector would be learnt in training and know nothing of a new rating; the sum of the item vectors over the
history is what one more step of propagation gives, with the latest ratings weighing more.
"""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from gatewright.cache import cached_directory, digest
from gatewright.models.data import MovieLens
from gatewright.models.experts.expert import Expert
from gatewright.models.lightgcn import LightGCN, LightGCNOptions, train_lightgcn
from gatewright.models.train import code_version

__all__ = ["linked"]


def linked(train: MovieLens, options: LightGCNOptions, half_life: float, seed: int) -> Expert:
    """What LightGCN finds alike. Its vectors are trained on first use and then kept in the cache."""
    name = digest(
        train.fingerprint, json.dumps(asdict(options)), str(seed), torch.__version__,
        code_version("models/lightgcn", "models/determinism"),
    )  # fmt: skip

    def make(folder: Path) -> None:
        model = train_lightgcn(train, options, seed)
        with torch.no_grad():
            item = functional.normalize(model(LightGCN.adjacency(train))[1], dim=-1)
        np.save(folder / "items.npy", item.numpy())

    item = np.load(cached_directory("lightgcn", name, make) / "items.npy")
    item[np.bincount(train.items, minlength=train.n_items) == 0] = 0  # of these training knows only that nobody came
    return Expert.of("linked", half_life, item, item)
