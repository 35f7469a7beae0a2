"""How to train whatever it is: when to look at validation, when to stop, and how long a stride is."""

import math
from dataclasses import dataclass, fields
from typing import Any

from gatewright.training.errors import TrainingError

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """Options of a training, which AdamW does.

    Attributes
    ----------
    steps : at most so many
    learning_rate, weight_decay : of AdamW; the rate rises linearly over the first ``warm_up`` steps and then stays, so
        that no step depends on how many are to follow
    validate_every : steps from one look at validation to the next; the first is before any step
    patience : looks in a row without a new best that end it
    target : a quality that ends it
    checkpoint_every : steps from one checkpoint to the next, where there are any: a killed process loses so many
    seed : of everything random
    """

    steps: int = 300
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    warm_up: int = 20
    validate_every: int = 20
    patience: int = 4
    target: float = math.inf
    checkpoint_every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("steps", 0), ("warm_up", 0), ("validate_every", 1), ("patience", 1), ("checkpoint_every", 1), ("seed", 0),
        ):  # fmt: skip
            if not getattr(self, name) >= least:
                raise TrainingError(f"{name} of a training is {getattr(self, name)}, allowed: from {least}")
        if not 0 < self.learning_rate < math.inf:  # also refuses NaN
            raise TrainingError(f"learning_rate of a training is {self.learning_rate}, allowed: above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise TrainingError(f"weight_decay of a training is {self.weight_decay}, allowed: from 0")
        if math.isnan(self.target):
            raise TrainingError("target of a training is NaN, allowed: a number")

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the weights after a step; where to end and how often to save do not."""
        later = ("steps", "patience", "target", "checkpoint_every")
        return {f"plan.{field.name}": getattr(self, field.name) for field in fields(self) if field.name not in later}

    def rate(self, step: int) -> float:
        """Of the step that follows ``step`` others."""
        return self.learning_rate * min(1.0, (step + 1) / max(self.warm_up, 1))
