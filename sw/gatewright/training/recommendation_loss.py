"""The recommendation loss of a language model: texts of movies that people rate one after the other are near.

A batch is some users' stretches of movies that they rated in a row. Of any two movies of one stretch, the one has to
find the other among the movies of all other stretches (in-batch softmax on cosines), so that every text is read once
and learns from many pairs. Movies come up in other stretches as often as they are rated: the loss is lowest where a
cosine says how much likelier a movie is *near this one* than it is anyway. A list is therefore ordered by that and the
logarithm of the movie's number of ratings together (X. Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large
Corpus Item Recommendations", RecSys 2019).
"""

from dataclasses import dataclass

import numpy as np
import torch

from gatewright.models.data import MovieLens
from gatewright.training.errors import TrainingError

__all__ = ["RecommendationLoss", "draw_stretches", "stretch_loss"]


@dataclass(frozen=True)
class RecommendationLoss:
    """Options of the loss, and of the lists that follow from it.

    Attributes
    ----------
    stretches, length : of a batch, and movies in each
    temperature : of cosines in a softmax
    half_life : ratings after which one counts half in its user's vector
    least_ratings : movies with fewer in training are recommended to nobody; validation need not read their texts
    """

    stretches: int = 12
    length: int = 10
    temperature: float = 0.2
    half_life: float = 3.0
    least_ratings: int = 5

    def __post_init__(self) -> None:
        for name, least in (("stretches", 2), ("length", 2), ("least_ratings", 0)):
            if not getattr(self, name) >= least:
                raise TrainingError(f"{name} of a recommendation loss is {getattr(self, name)}, allowed: from {least}")
        for name in ("temperature", "half_life"):
            if not getattr(self, name) > 0:
                raise TrainingError(f"{name} of a recommendation loss is {getattr(self, name)}, allowed: above 0")


def draw_stretches(train: MovieLens, options: RecommendationLoss, rng: np.random.Generator) -> np.ndarray:
    """Items, int64 [stretches, length], of users drawn by their number of ratings.

    Raises `TrainingError` where nobody has rated as many as a stretch is long.
    """
    at = np.arange(len(train.users))
    begins = np.flatnonzero(at + options.length <= train.user_ptr[train.users + 1])
    if not len(begins):
        raise TrainingError(f"{train.name}: no user has {options.length} ratings, the length of a stretch")
    chosen = rng.choice(begins, options.stretches)
    return train.items[chosen[:, None] + np.arange(options.length)].astype(np.int64)


def stretch_loss(
    own: torch.Tensor, every: torch.Tensor, items: np.ndarray, start: int, temperature: float
) -> torch.Tensor:
    """Mean over all pairs of two movies of one stretch.

    ``items`` [stretches, length] are those of the batch and ``every`` [stretches * length, width] their unit vectors;
    ``own`` are the vectors of the stretches from ``start`` on, this process' share. What stands in a movie's own
    stretch is not held against it where it comes up in others.
    """
    length = items.shape[1]
    mine = items[start : start + len(own) // length]
    scores = own @ every.T / temperature
    known = np.repeat((mine[:, :, None, None] == items).any(1).reshape(len(mine), -1), length, 0)
    others = scores.masked_fill(torch.from_numpy(known).to(scores.device), -torch.inf).logsumexp(1)
    first, second = np.nonzero(~np.eye(length, dtype=bool))
    row = np.arange(len(mine))[:, None] * length
    wanted = scores[row + first, row + start * length + second]
    return (torch.logaddexp(others[row + first], wanted) - wanted).mean()
