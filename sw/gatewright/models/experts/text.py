"""The expert on what is written of an item, which also knows items that nobody has rated.

A language model's vectors lie in a narrow cone, in which a few directions, that all texts share, decide about most of
a cosine; along the principal directions, each scaled to the same variance, the smaller differences count as well (J. Su
et al., "Whitening Sentence Representations for Better Semantics and Faster Retrieval", 2021).
"""

from dataclasses import dataclass

import numpy as np

from gatewright.models.experts.expert import Expert
from gatewright.models.unit_rows import unit_rows

__all__ = ["Reading", "alike"]

LEAST_VARIANCE = 1e-9  # of unit vectors: a direction that varies less is rounding


@dataclass(frozen=True)
class Reading:
    """Unit vectors of texts [texts, 384] to unit vectors [texts, width], in which small differences count.

    Attributes
    ----------
    mean : float32 [384], what all texts have in common
    white : float32 [384, width], the main directions, scaled to the same variance
    """

    mean: np.ndarray
    white: np.ndarray

    @classmethod
    def of(cls, text: np.ndarray, width: int) -> "Reading":
        """By the ``width`` main directions of ``text``, unit vectors [texts, 384], or as many as there are."""
        mean = text.mean(axis=0)
        centred = text - mean
        variance, basis = np.linalg.eigh(centred.T @ centred / len(centred))
        kept = np.argsort(-variance)[:width]
        kept = kept[variance[kept] > LEAST_VARIANCE]
        return cls(mean, basis[:, kept] / np.sqrt(variance[kept]))

    def __call__(self, text: np.ndarray) -> np.ndarray:
        return unit_rows((text - self.mean) @ self.white)


def alike(text: np.ndarray, reading: Reading, half_life: float) -> Expert:
    """Items whose ``text``, unit vectors float32 [items, 384], says the same."""
    vectors = reading(text)
    return Expert.of("alike", half_life, vectors, vectors)
