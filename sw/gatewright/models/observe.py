"""What linear layers take and give on real inputs: the ranges and samples that quantisation is calibrated on."""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch
from torch import nn

__all__ = ["Observed", "Observer"]


@dataclass(frozen=True)
class Observed:
    """What a linear layer [n, k] took and gave.

    Attributes
    ----------
    rows : float32 [rows, k], a random sample of its inputs
    input_range, output_range : float32 [k], [n], the largest magnitude of each column over all inputs
    """

    rows: np.ndarray
    input_range: np.ndarray
    output_range: np.ndarray

    @classmethod
    def of(cls, layer: nn.Linear, inputs: np.ndarray) -> "Observed":
        """On float32 inputs [rows, k], all of them kept."""
        with torch.inference_mode():
            outputs = layer(torch.from_numpy(inputs)).numpy()
        return cls(inputs, np.abs(inputs).max(0), np.abs(outputs).max(0))

    def and_then(self, later: "Observed") -> "Observed":
        """Both together."""
        return Observed(
            np.concatenate([self.rows, later.rows]),
            np.maximum(self.input_range, later.input_range),
            np.maximum(self.output_range, later.output_range),
        )


class Observer:
    """A context in which every linear layer of a module is watched; called with a layer, it tells what that has seen.

    ``share`` (0 to 1) of the input rows are kept.
    """

    def __init__(self, module: nn.Module, share: float, rng: np.random.Generator) -> None:
        self.share, self.rng = share, rng
        self.layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
        self.seen: dict[nn.Linear, list[Observed]] = {}

    def __enter__(self) -> "Observer":
        self.hooks = [layer.register_forward_hook(self._note) for layer in self.layers]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def __call__(self, layer: nn.Linear) -> Observed:
        return reduce(Observed.and_then, self.seen[layer])

    def _note(self, layer: nn.Linear, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        x, y = (value.flatten(0, -2).numpy() for value in (inputs[0], output))
        kept = x[self.rng.random(len(x)) < self.share]
        self.seen.setdefault(layer, []).append(Observed(kept, np.abs(x).max(0), np.abs(y).max(0)))
