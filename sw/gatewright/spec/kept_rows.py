"""Which rows of X an aggregation keeps on chip while it runs: the first ones, if they are likely to be used again.

``column < kept_rows`` is the whole look-up. A matrix gains most whose busiest columns come first.
"""

from __future__ import annotations

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES

__all__ = ["LEAST_USES_BITS", "kept_rows", "slot_bits"]

LEAST_USES_BITS = 2
"""Rows are kept if there are at least 2**this edges to a column on average, so that reading the kept ones pays off."""


def slot_bits(features: int) -> int:
    """A kept row takes 2**this words of 64 bits, the least power of two that holds ``features`` bytes."""
    return ((features - 1) // BUS_BYTES).bit_length()


def kept_rows(config: AcceleratorConfig, cols: int, nnz: int, features: int) -> int:
    """Rows of X that are kept of an aggregation of so many columns, edges and features, from the first on."""
    if nnz >> LEAST_USES_BITS < cols:
        return 0
    return min(cols, config.kept_words >> slot_bits(features))
