"""The deployed hybrid model: what a request needs besides the program, as numpy arrays in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatewright.recommender import storage
from gatewright.spec.csr import CsrMatrix

__all__ = ["FORMAT_VERSION", "Catalogue", "HybridModel"]

FORMAT_VERSION = 2


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What users and movies are called: int64 ids in ascending order, titles and genres by item index."""

    user_ids: np.ndarray
    movie_ids: np.ndarray
    titles: tuple[str, ...]
    genres: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class HybridModel:
    """Names, tokenizer and rating graph of a hybrid model.

    Attributes
    ----------
    key : identifies the trained model that it was made from
    catalogue : names of users and movies
    tokenizer : contents of the language model's tokenizer file (JSON)
    max_tokens : longest text in tokens, markers included; longer ones are cut
    history : most ratings that the fusion attends to
    by_user, by_item : normalised edges, users x items and items x users; a user's edges are ordered by time, oldest
        first
    half_stars : uint8 [ratings], 1 to 10, in the order of ``by_user``
    """

    key: str
    catalogue: Catalogue
    tokenizer: str
    max_tokens: int
    history: int
    by_user: CsrMatrix
    by_item: CsrMatrix
    half_stars: np.ndarray

    @property
    def program_name(self) -> str:
        """The name of the program that was compiled for it, and for no other model."""
        return f"hybrid request {self.key}"

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file."""
        storage.save(Path(path), self, FORMAT_VERSION)

    @classmethod
    def load(cls, path: str | Path) -> HybridModel:
        """Read a file that `save` wrote; raises `ModelFileError` if it is missing, damaged or of another version."""
        return storage.load(Path(path), cls, FORMAT_VERSION)

    def items_of(self, user: int) -> np.ndarray:
        """Item indices of the ratings of the user with an index, oldest first."""
        edges = self.by_user.row_ptr
        return self.by_user.col[edges[user] : edges[user + 1]]

    def half_stars_of(self, user: int) -> np.ndarray:
        """int64, of the same ratings."""
        edges = self.by_user.row_ptr
        return self.half_stars[edges[user] : edges[user + 1]].astype(np.int64)
