"""Training that gives the same model for the same inputs, however many cores there are."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

__all__ = ["deterministic"]


@contextmanager
def deterministic() -> Iterator[None]:
    """Keep PyTorch and the linear algebra of NumPy and SciPy to sums of a fixed order: one thread, whose gradients of
    look-ups nobody races to add to.

    The matrices of these models are small. Threads that share one wait for each other at the end of every operator, by
    spinning: on two busy cores that took six times the seconds of one thread, and most of them for nothing.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.set_num_threads(before[1])
