"""The hybrid of graph, order, text and time as a system: experts learnt from all ratings, a gate from the latest."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gatewright.models.baselines.interactions import interactions
from gatewright.models.baselines.system import check_positive
from gatewright.models.data import MovieLens
from gatewright.models.determinism import deterministic
from gatewright.models.experts.condensed import Condensed, Heard
from gatewright.models.experts.era import Eras
from gatewright.models.experts.gate import learn_gate
from gatewright.models.experts.graph import linked
from gatewright.models.experts.ordered import followed, together
from gatewright.models.experts.panel import Opinions, Panel
from gatewright.models.experts.question import Question, words_for
from gatewright.models.experts.text import Reading, alike
from gatewright.models.lightgcn import LightGCNOptions
from gatewright.models.text_vectors import item_vectors, text_vectors

__all__ = ["Hybrid", "Learnt"]

GATE_SHARE = 0.1  # of each user's ratings, the latest: from the others the experts of the gate's training are learnt
GATE_USERS = 1024  # at most: a handful of weights needs no more
STEPS = 4
LEAST_TRUST = 0.1  # in a history, of what it is trusted without a query


@dataclass(frozen=True)
class Learnt:
    """What answers requests: ``condensed`` the histories, ``question`` the texts that are typed."""

    condensed: Condensed
    question: Question


@dataclass(frozen=True)
class Hybrid:
    """``width`` of the vectors of both graphs of order; their edges halve in weight with every ``near_reach`` ratings
    of distance where they say what stands together, with every ``next_reach`` where they say what follows.

    What was rated lately says what comes next, so there a history's weights halve every ``half_life`` ratings; what a
    user likes shows over more of them, ``taste_half_life``, in the rating graph and in the ``text_width`` main
    directions of texts. ``joint_width`` directions of all that is said are kept.
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
    joint_width: int = 224
    seed: int = 0

    def __post_init__(self) -> None:
        options = ("width", "near_reach", "next_reach", "half_life", "taste_half_life", "text_width")
        check_positive(self, *options, "graph_width", "graph_steps", "joint_width")

    def fit(self, train: MovieLens) -> Heard:
        return self.learn(train).condensed.hear(train)

    @deterministic()
    def learn(self, train: MovieLens, progress: Callable[[int, int], None] | None = None) -> Learnt:
        """All of it, from ``train``: what counts how much, from the latest ratings, which experts on the earlier ones
        are to foretell; then the experts on all. Each is a step of four."""
        done = progress or (lambda step, total: None)
        earlier, later = train.hold_out_latest(GATE_SHARE)
        before = self.panel(earlier).hear(earlier)
        done(1, STEPS)
        gate = self.gate(before, earlier, later)
        asked = self.asked(before, gate, earlier, later)
        done(2, STEPS)
        panel = self.panel(train)
        done(3, STEPS)
        condensed = Condensed.of(panel, gate, asked, train, self.joint_width, self.seed)
        done(STEPS, STEPS)
        return Learnt(condensed, Question.to(panel))

    def panel(self, train: MovieLens) -> Panel:
        """Experts that have learnt from ``train``."""
        text = item_vectors(train)
        reading = Reading.of(text, self.text_width)
        graph = LightGCNOptions(width=self.graph_width, steps=self.graph_steps)
        experts = (
            together(train, self.near_reach, self.half_life, self.width),
            followed(train, self.next_reach, self.half_life, self.width),
            linked(train, graph, self.taste_half_life, self.seed),
            alike(text, reading, self.taste_half_life),
        )
        return Panel(experts, Eras.of(train), reading)

    def gate(self, opinions: Opinions, earlier: MovieLens, later: MovieLens) -> np.ndarray:
        """float32 [opinions], the weights with which ``opinions``, held before, foretell the ratings of ``later``."""
        users, seen, wanted = self._foretold(earlier, later)
        return learn_gate(opinions.apart(users), seen, wanted)

    def asked(self, opinions: Opinions, gate: np.ndarray, earlier: MovieLens, later: MovieLens) -> float:
        """The weight of a query, in the gate's measure: by which somebody who types words for one of the movies of
        ``later`` is most likely to get it."""
        users, seen, wanted = self._foretold(earlier, later)
        if not len(users):
            return 1.0
        rng = np.random.default_rng(self.seed)
        items = np.array([rng.choice(np.flatnonzero(row)) for row in wanted])
        typed = Question.to(opinions.panel)(text_vectors(words_for(earlier, items, rng)))
        said = [opinions.apart(users) @ gate, typed @ opinions.panel.experts[-1].values.T]
        both = learn_gate(np.stack(said, axis=-1), seen, np.arange(earlier.n_items) == items[:, None])
        return float(max(both[1], 0) / max(both[0], LEAST_TRUST))

    def _foretold(self, earlier: MovieLens, later: MovieLens) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Indices of users who rated something new later, and of each, bool [users, items], what was seen before, and
        what is wanted."""
        seen = interactions(earlier).astype(bool)
        wanted = interactions(later).astype(bool)
        users = np.flatnonzero((wanted > seen).sum(axis=1))
        if len(users) > GATE_USERS:
            users = np.sort(np.random.default_rng(self.seed).choice(users, GATE_USERS, replace=False))
        before, after = seen[users].toarray(), wanted[users].toarray()
        return users, before, after & ~before
