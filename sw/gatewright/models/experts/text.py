"""The expert on what is written of an item, which also knows items that nobody has rated.

A language model's vectors lie in a narrow cone, in which a few directions, that all texts share, decide about most of
a cosine; along the principal directions, each scaled to the same variance, the smaller differences count as well (J. Su
et al., "Whitening Sentence Representations for Better Semantics and Faster Retrieval", 2021).
"""

import numpy as np

from gatewright.models.experts.expert import Expert

__all__ = ["alike"]

LEAST_VARIANCE = 1e-9  # of unit vectors: a direction that varies less is rounding


def alike(text: np.ndarray, half_life: float, width: int) -> Expert:
    """Items whose ``text``, unit vectors float32 [items, 384], says the same, by its ``width`` main directions."""
    centred = text - text.mean(axis=0)
    variance, basis = np.linalg.eigh(centred.T @ centred / len(centred))
    kept = np.argsort(-variance)[:width]
    kept = kept[variance[kept] > LEAST_VARIANCE]
    white = centred @ basis[:, kept] / np.sqrt(variance[kept])
    white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-9)
    return Expert.of("alike", half_life, white, white)
