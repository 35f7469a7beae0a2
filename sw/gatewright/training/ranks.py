"""Several processes that train one model: who they are, and how a batch's vectors come together.

A softmax over a batch needs all of the batch's vectors. Each process computes those of its own share and is given the
others'; on the way back it is given what all processes' losses ask of its own. So the gradient is that of one process
with the whole batch, whatever their number.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist

from gatewright.training.errors import TrainingError

__all__ = ["ALONE", "Ranks"]


@dataclass(frozen=True)
class Ranks:
    """This process is number ``rank`` of ``world``."""

    rank: int = 0
    world: int = 1

    def share(self, count: int) -> slice:
        """Of ``count`` examples. Raises `TrainingError` where they cannot be shared equally."""
        if count % self.world:
            raise TrainingError(f"a batch of {count} cannot be shared equally by {self.world} processes")
        size = count // self.world
        return slice(self.rank * size, (self.rank + 1) * size)

    def gather(self, own: torch.Tensor) -> torch.Tensor:
        """``own`` [n, width] of all processes in the order of their numbers, [world * n, width]."""
        return own if self.world == 1 else _Gather.apply(own, self)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, ranks: Ranks) -> torch.Tensor:
        ctx.ranks = ranks
        parts = [torch.empty_like(own) for _ in range(ranks.world)]
        dist.all_gather(parts, own.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[ctx.ranks.share(len(gradient))], None


ALONE = Ranks()
