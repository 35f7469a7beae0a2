"""LightGCN without text: what the graph of the hybrid knows, alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch.nn import functional

from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.lightgcn import LightGCN, LightGCNOptions, train_lightgcn
from gatewright.models.systems.vectors import VectorScorer

__all__ = ["GraphAlone"]


@dataclass(frozen=True)
class GraphAlone:
    """Cosines of `LightGCN`'s vectors, with the options of its training that decide most."""

    NAME: ClassVar[str] = "LightGCN"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "layers": (1, 2, 3),
        "temperature": (0.15, 0.2),
    }

    layers: int = 2
    temperature: float = 0.15
    weight_decay: float = 0.1
    steps: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive(self, "layers", "temperature", "weight_decay", "steps")

    def fit(self, train: MovieLens) -> PersonalScorer:
        options = LightGCNOptions(
            layers=self.layers, temperature=self.temperature, weight_decay=self.weight_decay, steps=self.steps
        )
        model = train_lightgcn(train, options, self.seed)
        with torch.no_grad():
            user, item = (functional.normalize(each, dim=-1).numpy() for each in model(LightGCN.adjacency(train)))
        return PersonalScorer.of(VectorScorer.of(train, user, item), train)
