"""Vectors of length 1."""

import numpy as np

__all__ = ["unit_rows"]


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Each row of [rows, width] divided by its length, of the same type; zeros stay zeros."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    found: np.ndarray = rows / np.where(length > 0, length, 1)
    return found
