"""A typed query, as the expert on text takes it, and how much it counts beside a history."""

from dataclasses import dataclass

import numpy as np

from gatewright.models.data import MovieLens
from gatewright.models.data.movielens import NO_GENRES
from gatewright.models.experts.panel import Panel
from gatewright.models.experts.text import Reading
from gatewright.models.unit_rows import unit_rows
from gatewright.recommender.texts import tidy_title

__all__ = ["Question", "words_for"]

TITLE_WORDS = 2


@dataclass(frozen=True)
class Question:
    """Unit vectors of typed texts [texts, 384] to unit vectors [texts, width] beside those of the experts.

    ``turn``, float32 [text width, width], is the text expert's: see `Expert`.
    """

    reading: Reading
    turn: np.ndarray

    @classmethod
    def to(cls, panel: Panel) -> "Question":
        return cls(panel.reading, panel.experts[-1].turn)

    def __call__(self, text: np.ndarray) -> np.ndarray:
        return unit_rows(self.reading(text) @ self.turn).astype(np.float32)


def words_for(data: MovieLens, items: np.ndarray, rng: np.random.Generator) -> list[str]:
    """What somebody may type who looks for each of some item indices: its genres, or two words of its title."""
    found = []
    for item in items:
        title, genres = tidy_title(data.titles[item]), data.genres[item]
        words = title.split()
        if rng.random() < 0.5 and genres != NO_GENRES:
            words = genres.split("|")
        elif len(words) > TITLE_WORDS:
            words = [str(word) for word in rng.choice(words, TITLE_WORDS, replace=False)]
        found.append(" ".join(words).lower())
    return found
