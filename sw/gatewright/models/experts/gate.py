"""How much each expert counts: a logarithmic opinion pool, its weights learnt where the answer is known.

G. Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", 2002: with s the experts' scores and g
the gate, an item is chosen with a probability in proportion to exp(g · s). What is maximised is the probability that
*any* of the items that a user rated next is chosen. The mean over these items would spend the weights on the far end of
the list, on items that no ten recommendations reach.
"""

from collections.abc import Callable

import numpy as np
import torch

from gatewright.models.determinism import deterministic

__all__ = ["learn_gate"]

DECAY = 1e-3
ITERATIONS = 40


@deterministic()
def learn_gate(scores: np.ndarray, seen: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """float32 [experts] from ``scores`` float32 [users, items, experts].

    ``seen`` and ``wanted`` are bool [users, items] and apart: what is out of the choice, and what was rated next, by
    every user at least one. Without any users all experts have one vote.
    """
    if not len(scores):
        return np.ones(scores.shape[2], np.float32)
    x, out = torch.from_numpy(scores), torch.from_numpy(~wanted)
    gone = torch.from_numpy(seen)
    gate = torch.zeros(x.shape[-1], requires_grad=True)
    optimizer = torch.optim.LBFGS([gate], max_iter=ITERATIONS, history_size=10, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        total = (x @ gate).masked_fill(gone, -torch.inf)
        missed = torch.logsumexp(total, 1) - torch.logsumexp(total.masked_fill(out, -torch.inf), 1)
        found = missed.mean() + DECAY * gate.square().sum()
        found.backward()
        return found

    step: Callable[[Callable[[], torch.Tensor]], torch.Tensor] = optimizer.step
    step(loss)
    return gate.detach().numpy()
