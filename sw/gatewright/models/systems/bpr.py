"""Matrix factorisation by pairs: what a user rated is to score above what they did not.

S. Rendle, C. Freudenthaler, Z. Gantner and L. Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit
Feedback", UAI 2009: with x the score, -log sigmoid(x(user, rated) - x(user, other)) is minimised over pairs drawn
uniformly, here by Adam.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.models.systems.vectors import VectorScorer

__all__ = ["Bpr"]


@dataclass(frozen=True)
class Bpr:
    """``regularisation`` weighs the squared vectors of each pair, ``epochs`` counts passes over all ratings."""

    NAME: ClassVar[str] = "BPR-MF"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "regularisation": (0.003, 0.01),
        "epochs": (20, 40, 60),
    }

    dimensions: int = 64
    regularisation: float = 0.01
    epochs: int = 60
    learning_rate: float = 0.005
    batch: int = 2048
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "dimensions", "regularisation", "epochs", "learning_rate", "batch")

    @deterministic()
    def fit(self, train: MovieLens) -> PersonalScorer:
        generator = torch.Generator().manual_seed(self.seed)
        sizes = ((train.n_users, self.dimensions), (train.n_items, self.dimensions))
        user, item = (nn.Parameter(0.1 * torch.randn(size, generator=generator)) for size in sizes)
        offset = nn.Parameter(torch.zeros(train.n_items))
        optimizer = torch.optim.Adam([user, item, offset], lr=self.learning_rate)
        users, items = (torch.from_numpy(column).long() for column in (train.users, train.items))
        pairs = torch.sort(users * train.n_items + items).values
        for _ in range(self.epochs):
            for chosen in torch.randperm(len(users), generator=generator).split(self.batch):
                others = torch.randint(train.n_items, (len(chosen),), generator=generator)
                fair = ~_among(users[chosen] * train.n_items + others, pairs)
                who, rated, other = users[chosen][fair], items[chosen][fair], others[fair]
                if not len(who):  # all of these users have rated every item
                    continue
                ahead = (user[who] * (item[rated] - item[other])).sum(1) + offset[rated] - offset[other]
                size = user[who].square().sum(1) + item[rated].square().sum(1) + item[other].square().sum(1)
                loss = (self.regularisation * size - functional.logsigmoid(ahead)).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        vectors = (each.detach().numpy() for each in (user, item, offset))
        return PersonalScorer.of(VectorScorer.of(train, *vectors), train)


def _among(wanted: torch.Tensor, ascending: torch.Tensor) -> torch.Tensor:
    """bool [wanted]: which numbers stand in a sorted list."""
    place = torch.searchsorted(ascending, wanted).clamp(max=len(ascending) - 1)
    return ascending[place] == wanted
