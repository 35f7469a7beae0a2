"""What one request gives to the program: the tokens of a text, and the user's neighbourhood in the rating graph.

With layer-0 vectors e and normalised edges A, the program computes for user u

    first(i)  = sum_v A[i, v] e_v          for the user's movies i: ``item_ptr``, ``raters``, ``item_weight``
    first(u)  = sum_i A[u, i] e_i          the user's row: ``user_ptr``, ``rated``, ``user_weight``
    second(u) = sum_i A[u, i] first(i)     the same row over the rows just made, ``places`` 0, 1, 2, ...

so that a new rating counts at once.
"""

from __future__ import annotations

import numpy as np

from gatewright.recommender.errors import RecommenderError
from gatewright.recommender.model import HybridModel
from gatewright.spec.csr import CsrMatrix

__all__ = ["Tokenizer", "request_inputs"]


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


def request_inputs(model: HybridModel, user: int, tokens: np.ndarray) -> dict[str, np.ndarray]:
    """The program's inputs for the user with an index and a text's tokens, int64 [1, tokens]."""
    own = model.by_user.rows([user])
    neighbours = model.by_item.rows(own.col if own.nnz else [0])  # a matrix has a row, which then nobody asks for
    return {
        "ids": tokens,
        "mask": np.ones_like(tokens),
        "user": np.array([user], np.int64),
        "user_ptr": own.row_ptr.astype(np.int64),
        "rated": own.col.astype(np.int64),
        "user_weight": _real(own),
        "places": np.arange(own.nnz, dtype=np.int64),
        "item_ptr": neighbours.row_ptr.astype(np.int64),
        "raters": neighbours.col.astype(np.int64),
        "item_weight": _real(neighbours),
        **_history(model, user),
    }


def _real(edges: CsrMatrix) -> np.ndarray:
    return (edges.weight * edges.scale).astype(np.float32)


def _history(model: HybridModel, user: int) -> dict[str, np.ndarray]:
    """The latest ratings, newest first, filled up with ones that are not attended to."""
    latest = slice(None, -model.history - 1, -1)
    items, stars = model.items_of(user)[latest], model.half_stars_of(user)[latest]
    fill = (0, model.history - len(items))
    return {
        "history": np.pad(items.astype(np.int64), fill)[None],
        "stars": np.pad(stars, fill)[None],
        "attended": np.pad(np.ones(len(items), bool), fill)[None],
    }
