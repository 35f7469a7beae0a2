"""One of several processes that gather vectors: prints their loss's value and the gradient of its own share.

Arguments: a file where they meet, this process' number, how many there are.
"""

import sys

import numpy as np
import torch
import torch.distributed as dist

from gatewright.training.ranks import Ranks
from gatewright.training.recommendation_loss import stretch_loss

ITEMS = np.random.default_rng(0).integers(20, size=(4, 3))


def vectors() -> torch.Tensor:
    return torch.randn(12, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


if __name__ == "__main__":
    ranks = Ranks(int(sys.argv[2]), int(sys.argv[3]))
    dist.init_process_group("gloo", init_method=f"file://{sys.argv[1]}", rank=ranks.rank, world_size=ranks.world)
    own = vectors()[ranks.share(12)].requires_grad_()
    loss = stretch_loss(own, ranks.gather(own), ITEMS, ranks.share(4).start, 0.5)
    loss.backward()
    print(float(loss.detach()), *own.grad.reshape(-1).tolist())
    dist.destroy_process_group()
