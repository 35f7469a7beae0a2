"""The hybrid of graph, order, text and time as a system: experts learnt from all ratings, a gate from the latest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.models.baselines.interactions import interactions
from gatewright.models.baselines.popularity import PersonalScorer
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.experts.era import Eras
from gatewright.models.experts.gate import learn_gate
from gatewright.models.experts.graph import linked
from gatewright.models.experts.ordered import followed, together
from gatewright.models.experts.panel import Opinions, Panel
from gatewright.models.experts.text import Reading, alike
from gatewright.models.lightgcn import LightGCNOptions
from gatewright.models.text_vectors import item_vectors

__all__ = ["Hybrid"]

GATE_SHARE = 0.1  # of each user's ratings, the latest: from the others the experts of the gate's training are learnt
GATE_USERS = 1024  # at most: a handful of weights needs no more


@dataclass(frozen=True)
class Hybrid:
    """``width`` of the vectors of both graphs of order; their edges halve in weight with every ``near_reach`` ratings
    of distance where they say what stands together, with every ``next_reach`` where they say what follows.

    What was rated lately says what comes next, so there a history's weights halve every ``half_life`` ratings; what a
    user likes shows over more of them, ``taste_half_life``, in the rating graph and in the ``text_width`` main
    directions of texts.
    """

    NAME: ClassVar[str] = "hybrid"
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]] = {
        "width": (128, 256),
        "next_reach": (5.0, 10.0),
        "half_life": (2.0, 3.0, 4.0),
        "taste_half_life": (10.0, 30.0),
    }

    width: int = 256
    near_reach: float = 10.0
    next_reach: float = 5.0
    half_life: float = 3.0
    taste_half_life: float = 30.0
    text_width: int = 96
    graph_width: int = 64
    graph_steps: int = 300
    seed: int = 0

    def __post_init__(self) -> None:
        options = ("width", "near_reach", "next_reach", "half_life", "taste_half_life", "text_width")
        check_positive(self, *options, "graph_width", "graph_steps")

    def fit(self, train: MovieLens) -> PersonalScorer:
        earlier, later = train.hold_out_latest(GATE_SHARE)
        gate = self.gate(self.panel(earlier).hear(earlier), earlier, later)
        return PersonalScorer.of(self.panel(train).hear(train).pooled(gate), train)

    def panel(self, train: MovieLens) -> Panel:
        """Experts that have learnt from ``train``."""
        text = item_vectors(train)
        graph = LightGCNOptions(width=self.graph_width, steps=self.graph_steps)
        experts = (
            together(train, self.near_reach, self.half_life, self.width),
            followed(train, self.next_reach, self.half_life, self.width),
            linked(train, graph, self.taste_half_life, self.seed),
            alike(text, Reading.of(text, self.text_width), self.taste_half_life),
        )
        return Panel(experts, Eras.of(train))

    def gate(self, opinions: Opinions, earlier: MovieLens, later: MovieLens) -> np.ndarray:
        """float32 [opinions], the weights with which ``opinions``, held before, foretell the ratings of ``later``."""
        seen = interactions(earlier).astype(bool)
        wanted = interactions(later).astype(bool)
        users = np.flatnonzero((wanted > seen).sum(axis=1))
        if len(users) > GATE_USERS:
            users = np.sort(np.random.default_rng(self.seed).choice(users, GATE_USERS, replace=False))
        before, after = seen[users].toarray(), wanted[users].toarray()
        return learn_gate(opinions.apart(users), before, after & ~before)
