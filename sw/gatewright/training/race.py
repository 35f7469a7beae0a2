"""Trainings of the text encoder side by side, in turns of a few steps: what else the machine does slows all alike."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gatewright.models.baselines.tune import Parts
from gatewright.models.text import TextEncoder
from gatewright.training.fine_tune import FineTuneByLoss, FineTuneTask
from gatewright.training.history import History
from gatewright.training.loop import train
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss

__all__ = ["LOSS", "WAYS", "Entrant", "Race", "Way"]


@dataclass(frozen=True)
class Way:
    """How to fine-tune: by ``lora`` or, without, whole. ``rates`` are the learning rates to try, for all as many."""

    lora: Lora | None
    rates: tuple[float, ...]


LOSS = RecommendationLoss(least_ratings=20)  # a look costs as much as a few steps, most of it for movies rarely rated
WAYS = {
    "full": Way(None, (1e-4, 3e-4, 1e-3)),
    "LoRA, query and value, all layers": Way(Lora(), (1e-3, 3e-3, 1e-2)),
    "LoRA, all linear, last two layers": Way(Lora(targets=TARGETS, layers=2), (1e-3, 3e-3, 1e-2)),
    "LoRA, all linear, last layer": Way(Lora(targets=TARGETS, layers=1), (1e-3, 3e-3, 1e-2)),
}


@dataclass(frozen=True)
class Entrant:
    """One training: a way by its name, with a learning rate, from a seed."""

    way: str
    rate: float
    seed: int

    @property
    def folder(self) -> str:
        return re.sub(r"\W+", "-", f"{self.way} {self.rate:g} {self.seed}")


@dataclass(frozen=True)
class Race:
    """Where, on what and by which rules trainings are held beside each other: ``plan``'s, with a rate and a seed of
    their own. Each has its checkpoints in a folder of ``folder``, from which it goes on. ``kind`` is what looks see."""

    parts: Parts
    plan: Plan
    folder: Path
    ways: Mapping[str, Way]
    loss: RecommendationLoss = LOSS
    encoder: TextEncoder | None = None
    kind: type[FineTuneTask] = FineTuneByLoss

    def run(
        self, entrants: Sequence[Entrant], progress: Callable[[Entrant, History], None] | None = None
    ) -> dict[Entrant, History]:
        """All to their end, from look to look; ``progress`` is called after each of their turns."""
        plan, found = self.plan, dict[Entrant, History]()
        running = {entrant: self.task(entrant) for entrant in entrants}
        for until in range(plan.validate_every, plan.steps + plan.validate_every, plan.validate_every):
            for entrant, task in list(running.items()):
                turn = self._plan(entrant, min(until, plan.steps))
                found[entrant] = train(task, turn, folder=self.folder / entrant.folder)
                if progress:
                    progress(entrant, found[entrant])
                if found[entrant].ended(plan):
                    del running[entrant]  # with a copy of the encoder
        return found

    def task(self, entrant: Entrant) -> FineTuneTask:
        """Before any step."""
        lora = self.ways[entrant.way].lora
        seeded = replace(lora, seed=entrant.seed) if lora else None
        return self.kind(self.parts, self.loss, seeded, encoder=self.encoder)

    def trained(self, entrant: Entrant) -> FineTuneTask:
        """With the weights of the best look of one that has run."""
        task = self.task(entrant)
        train(task, self._plan(entrant, self.plan.steps), folder=self.folder / entrant.folder)
        return task

    def _plan(self, entrant: Entrant, steps: int) -> Plan:
        return replace(self.plan, steps=steps, learning_rate=entrant.rate, seed=entrant.seed)
