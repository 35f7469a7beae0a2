"""One expert: what a user's history says of every item, as the dot product of two vectors.

Each item has two vectors: its *key*, what it says where it stands in a history, and its *value*, what is said of it. A
user's vector is the recency-weighted sum of the keys of the history (on the accelerator a CSR aggregation of one row),
and the scores are its products with all values.

Experts can only be weighed against each other if their scores have one scale for every user. So values are whitened,
and user vectors have length 1: then every user's scores over all items have mean 0 and variance 1.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from gatewright.models.unit_rows import unit_rows

__all__ = ["Expert"]

LEAST_SPREAD = 1e-6  # of the widest direction: what varies less than this over the items is rounding


@dataclass(frozen=True)
class Expert:
    """``keys`` and ``values``: float32 [items, width], values of mean 0 and covariance 1 over all items.

    Weights of a history halve every ``half_life`` ratings. ``turn``, float32 [given width, width], made the keys of
    those that were given: what else has such a vector, a query for instance, becomes a key in the same way.
    """

    name: str
    half_life: float
    keys: np.ndarray
    values: np.ndarray
    turn: np.ndarray

    @classmethod
    def of(cls, name: str, half_life: float, keys: np.ndarray, values: np.ndarray) -> "Expert":
        """From vectors [items, width] whose products are the scores, of any scale and up to a constant for each user.

        The width becomes that of what the values span.
        """
        centred = values.astype(np.float64) - values.mean(axis=0)
        variance, basis = np.linalg.eigh(centred.T @ centred / len(centred))
        kept = variance > LEAST_SPREAD * max(variance.max(initial=0), np.finfo(np.float32).tiny)
        basis, deviation = basis[:, kept], np.sqrt(variance[kept])
        turn = basis * deviation
        found = keys @ turn, centred @ basis / deviation, turn
        return cls(name, half_life, *(vectors.astype(np.float32) for vectors in found))

    def ask(self, history: sp.csr_matrix) -> np.ndarray:
        """User vectors float32 [users, width] of length 1, from weights [users, items]; zeros where nothing is known
        of any item of a history."""
        return unit_rows(history @ self.keys).astype(np.float32)
