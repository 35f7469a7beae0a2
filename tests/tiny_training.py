"""A training of a second that uses all that a large one does: dropout, batches at random, validation, weight decay.

As a program it trains into the folder that it is given, says each step when its checkpoint is there, and goes on when
it reads a line.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

from gatewright.training.loop import train
from gatewright.training.plan import Plan

PLAN = Plan(steps=60, learning_rate=0.01, warm_up=5, validate_every=7, patience=100)


class TinyTask:
    """Which of four sectors of the plane a point lies in; one layer of the network is not trained."""

    def __init__(self, data: str = "points 1", model: str = "tiny") -> None:
        self.identity = {"model": model, "data": data}
        generator = torch.Generator().manual_seed(0)
        self.module = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 16), nn.Linear(16, 4))
        for parameter in self.module.parameters():
            nn.init.normal_(parameter, 0, 0.3, generator=generator)
        self.module[3].requires_grad_(False)

    def loss(self, rng: np.random.Generator) -> torch.Tensor:
        self.module.train()
        points, sector = self._points(rng)
        return nn.functional.cross_entropy(self.module(points), sector)

    @torch.no_grad()
    def quality(self) -> float:
        self.module.eval()
        points, sector = self._points(np.random.default_rng(1))
        return float((self.module(points).argmax(1) == sector).float().mean())

    @staticmethod
    def _points(rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        points = torch.from_numpy(rng.normal(size=(32, 2)).astype(np.float32))
        return points, (points[:, 0] > 0).long() + 2 * (points[:, 1] > 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(TinyTask(), PLAN, folder=Path(sys.argv[1]), progress=lambda step, _: print(step, flush=True) or input())
