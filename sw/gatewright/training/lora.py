"""Low-rank adaptation: a frozen linear layer W learns W + (α / r) B A, with B and A of rank r.

E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022; the library is `peft`. Merged, the model
has the shape that it had before.
"""

import re
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import nn

from gatewright.training.errors import TrainingError

__all__ = ["TARGETS", "Lora", "adapt", "merge"]

TARGETS = ("query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense")


@dataclass(frozen=True)
class Lora:
    """Options.

    Attributes
    ----------
    rank, alpha : r and α
    targets : linear layers, by the end of their names: of `TARGETS`
    layers : of the last so many transformer layers
    seed : of A; B begins as zero
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ("query", "value")
    layers: int = 6
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise TrainingError(f"rank of LoRA is {self.rank}, allowed: from 1")
        if self.layers < 1:
            raise TrainingError(f"layers of LoRA is {self.layers}, allowed: from 1")
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown or not self.targets:
            raise TrainingError(f"targets of LoRA are {', '.join(unknown) or 'none'}, allowed: {', '.join(TARGETS)}")


def adapt(bert: nn.Module, options: Lora) -> int:
    """Freeze ``bert`` and give it adapters, in place; how many of its layers lie below the first adapted one.

    Raises `TrainingError` without `peft`, and for more layers than there are.
    """
    if find_spec("peft") is None:
        raise TrainingError("LoRA needs the package peft: install gatewright[train]")
    from peft import LoraConfig, inject_adapter_in_model

    total = bert.config.num_hidden_layers
    if options.layers > total:
        raise TrainingError(f"layers of LoRA is {options.layers}, allowed: up to the model's {total}")
    below = total - options.layers
    numbers = "|".join(str(n) for n in range(below, total))
    ends = "|".join(re.escape(name) for name in options.targets)
    config = LoraConfig(
        r=options.rank, lora_alpha=options.alpha, lora_dropout=0.0,
        target_modules=rf"encoder\.layer\.({numbers})\.(attention\.self\.)?({ends})",
    )  # fmt: skip
    bert.requires_grad_(False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        inject_adapter_in_model(config, bert)
    return below


def merge(bert: nn.Module) -> None:
    """Add the adapters to the weights and take them away, in place."""
    from peft.tuners.lora import LoraLayer

    for name, layer in list(bert.named_modules()):
        if isinstance(layer, LoraLayer):
            layer.merge()
            parent, _, own = name.rpartition(".")
            setattr(bert.get_submodule(parent), own, layer.get_base_layer())
