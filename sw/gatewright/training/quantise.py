"""Training with the accelerator's own arithmetic: forwards its program on the golden model, backwards float.

What a step sees of a text is, to the byte, what the accelerator will give for it: weights as they are now are exported,
calibrated, rounded and run by the golden model. The gradient is that of the float encoder at the same text, as if
rounding were the identity (straight-through: Y. Bengio et al., "Estimating or Propagating Gradients Through Stochastic
Neurons for Conditional Computation", 2013), taken over the whole encoder. Embeddings are not trained, as in `distil`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from gatewright.models.text import TextEncoder
from gatewright.training.distil import Distillation, Distilled, DistilTask
from gatewright.training.fabric import FabricEncoder
from gatewright.training.item_encoder import fingerprint
from gatewright.training.loop import train
from gatewright.training.plan import Plan

__all__ = ["QuantisedTask", "quantise_aware", "straight_through"]


def straight_through(value: torch.Tensor, gradient_of: torch.Tensor) -> torch.Tensor:
    """``value``, to the bit, with the gradient of ``gradient_of``, of the same shape."""
    found: torch.Tensor = _StraightThrough.apply(value, gradient_of)  # type: ignore[no-untyped-call]
    return found


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, value: torch.Tensor, gradient_of: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: object, *gradients: torch.Tensor) -> tuple[None, torch.Tensor]:
        return None, gradients[0]


class QuantisedTask(DistilTask):
    """A distillation whose student runs in int8; its quality is the cosine of the int8 student with the teacher."""

    def __init__(
        self, teacher: TextEncoder, texts: Sequence[str], options: Distillation, begin: TextEncoder, config: str
    ) -> None:
        super().__init__(teacher, texts, options, begin)
        self.texts, self.config = sorted(set(texts)), config
        self.identity["int8"] = config
        self._compiled: tuple[str, FabricEncoder] | None = None

    def vectors(self, items: np.ndarray) -> torch.Tensor:
        return straight_through(torch.from_numpy(self.table(items)), self.module(items))

    def table(self, items: np.ndarray) -> np.ndarray:
        return self.fabric().encode([self.texts[item] for item in items])

    def fabric(self) -> FabricEncoder:
        """The program of the weights as they are now; calibration never sees texts that are held out."""
        now = fingerprint(self.encoder.bert)
        if self._compiled is None or self._compiled[0] != now:
            learnt = [self.texts[item] for item in self.learnt]
            self._compiled = now, FabricEncoder.of(self.encoder, learnt, self.config, self.options.seed)
        return self._compiled[1]


def quantise_aware(
    teacher: TextEncoder,
    texts: Sequence[str],
    begin: TextEncoder,
    plan: Plan,
    options: Distillation | None = None,
    *,
    config: str = "pynq-z2",
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Distilled:
    """``begin``, which may be the teacher itself or a student of it, trained so that in int8 it gives the teacher's
    vectors. A step takes seconds, most of them for its program. With a ``folder`` it continues from the checkpoint
    there."""
    task = QuantisedTask(teacher, texts, options or Distillation(), begin, config)
    return Distilled(task.encoder, train(task, plan, folder=folder, progress=progress))
