"""What one request gives to its program: the tokens of a typed text, the latest ratings of a user, and the month.

A rating's weight halves with its age, in ratings, at each of the model's half-lives, and has the size of its item's
key. Experts look at the direction of the sum alone, so the weights are scaled as suits int16 best: to length 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from gatewright.recommender.errors import RecommenderError
from gatewright.recommender.model import HybridModel

__all__ = ["Tokenizer", "request_inputs"]

LEAST_RATED = 2
"""Ratings in a request, filled up with some of weight 0: below two a size is no dynamic one for PyTorch's exporter."""

_LEAST_LENGTH = 5e-324
"""Above 0, so that what weighs nothing stays so."""


class Tokenizer:
    """Texts to token ids. Raises `RecommenderError` when the package tokenizers is missing."""

    def __init__(self, model: HybridModel) -> None:
        try:
            from tokenizers import Tokenizer as Backend
        except ImportError as error:
            raise RecommenderError("reading text needs the package tokenizers: pip install tokenizers") from error
        self._tokenizer = Backend.from_str(model.tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(model.max_tokens)

    def __call__(self, text: str) -> np.ndarray:
        """int64 [1, tokens], start and end marker included."""
        return np.array([self._tokenizer.encode(text).ids], np.int64)


def request_inputs(model: HybridModel, user: int | None, tokens: np.ndarray | None = None) -> Mapping[str, np.ndarray]:
    """The inputs for the user with an index, or for somebody unknown: of the query's program with the ``tokens`` of a
    text, int64 [1, tokens], of the history's without."""
    items = np.zeros(0, np.int64) if user is None else model.items_of(user)[-model.history :].astype(np.int64)
    weights = _weights(model, items)
    if (fill := LEAST_RATED - len(items)) > 0:
        items, weights = np.pad(items, (0, fill)), np.pad(weights, ((0, 0), (0, fill)))
    text = {} if tokens is None else {"ids": tokens, "mask": np.ones_like(tokens)}
    return {
        **text,
        "user_ptr": np.array([0, len(items)], np.int64),
        "rated": items,
        "month": np.array([model.months.count - 1 if user is None else model.month_of(user)], np.int64),
        **{f"weight_{expert}": row for expert, row in enumerate(weights)},
    }


def _weights(model: HybridModel, items: np.ndarray) -> np.ndarray:
    """float32 [experts, ratings] of the items that were rated, oldest first."""
    decay = _decay(model.half_lives, model.history)
    weights = decay[:, model.history - len(items) :] * model.sizes.take(items, 1)
    lengths = np.sqrt(np.matmul(weights[:, None], weights[:, :, None])[:, 0])
    return (weights / np.maximum(lengths, _LEAST_LENGTH)).astype(np.float32)


@lru_cache(maxsize=8)
def _decay(half_lives: tuple[float, ...], count: int) -> np.ndarray:
    """float64 [experts, count], how much of their weight ratings have left, oldest first. The same for all users, and
    a power costs as much as ten multiplications."""
    age = np.arange(count)[::-1]
    return np.stack([0.5 ** (age / half_life) for half_life in half_lives])
