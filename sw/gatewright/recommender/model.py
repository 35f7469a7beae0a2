"""The deployed hybrid model: what a request needs besides the programs, as numpy arrays in one file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from gatewright.recommender import storage
from gatewright.recommender.errors import RecommenderError, UnknownMovieError
from gatewright.recommender.months import Months
from gatewright.recommender.users import user_index

__all__ = ["FORMAT_VERSION", "Catalogue", "HybridModel"]

FORMAT_VERSION = 3


@dataclass(frozen=True, eq=False)
class Catalogue:
    """What users and movies are called: int64 ids in ascending order, titles and genres by item index."""

    user_ids: np.ndarray
    movie_ids: np.ndarray
    titles: tuple[str, ...]
    genres: tuple[str, ...]

    def item_index(self, movie_id: int) -> int:
        """Position of a movie id; raises `UnknownMovieError`."""
        index = int(np.searchsorted(self.movie_ids, movie_id))
        if index == len(self.movie_ids) or self.movie_ids[index] != movie_id:
            raise UnknownMovieError(movie_id, len(self.movie_ids))
        return index


@dataclass(frozen=True, eq=False)
class HybridModel:
    """Names, tokenizer and everybody's ratings.

    Attributes
    ----------
    key : identifies the trained model that it was made from
    catalogue : names of users and movies
    tokenizer : contents of the language model's tokenizer file (JSON)
    max_tokens : longest text in tokens, markers included; longer ones are cut
    user_ptr : int64 [users + 1]; the ratings of user index u are ``user_ptr[u]:user_ptr[u + 1]``, oldest first
    items, timestamps : int32 and int64 [ratings], item indices, each at most once a user, and seconds since 1970
    history : a user's latest ratings, as many as are read
    half_lives : in ratings, of the experts that read it
    sizes : float32 [experts, items], what a rating of an item counts besides
    months : rows of time that requests are in
    """

    key: str
    catalogue: Catalogue
    tokenizer: str
    max_tokens: int
    user_ptr: np.ndarray
    items: np.ndarray
    timestamps: np.ndarray
    history: int
    half_lives: tuple[float, ...]
    sizes: np.ndarray
    months: Months

    @property
    def history_program(self) -> str:
        """The name of the program for requests without a query that was compiled for it, and for no other model."""
        return f"history request {self.key}"

    @property
    def query_program(self) -> str:
        """Of that for requests with a query."""
        return f"query request {self.key}"

    def save(self, path: str | Path) -> None:
        """Write to one ``.npz`` file."""
        storage.save(Path(path), self, FORMAT_VERSION)

    @classmethod
    def load(cls, path: str | Path) -> HybridModel:
        """Read a file that `save` wrote; raises `ModelFileError` if it is missing, damaged or of another version."""
        return storage.load(Path(path), cls, FORMAT_VERSION)

    def items_of(self, user: int) -> np.ndarray:
        """Item indices of the ratings of the user with an index, oldest first."""
        return self.items[self.user_ptr[user] : self.user_ptr[user + 1]]

    def month_of(self, user: int) -> int:
        """Of the latest rating of the user with an index; the last one for a user without any."""
        return int(self._months[user])

    @cached_property
    def _months(self) -> np.ndarray:
        """int64 [users]."""
        return self.months.of_latest(self.timestamps, self.user_ptr)

    def with_rating(self, user_id: int, movie_id: int, timestamp: int) -> HybridModel:
        """The model with one more rating, which counts from the next request on; how many stars does not matter. Who
        rates a movie again has it at the new time.

        Raises `UnknownUserError`, `UnknownMovieError`, and `RecommenderError` for a time before 1970 or none.
        """
        user, item = user_index(self.catalogue.user_ids, user_id), self.catalogue.item_index(movie_id)
        if not 0 <= timestamp < np.inf:
            raise RecommenderError(f"timestamp is {timestamp}, allowed: seconds since 1970")
        first, end = int(self.user_ptr[user]), int(self.user_ptr[user + 1])
        again = first + np.flatnonzero(self.items[first:end] == item)
        items, timestamps = np.delete(self.items, again), np.delete(self.timestamps, again)
        at = first + int(np.searchsorted(timestamps[first : end - len(again)], timestamp, side="right"))
        later = np.arange(len(self.user_ptr)) > user
        return replace(
            self,
            items=np.insert(items, at, item),
            timestamps=np.insert(timestamps, at, int(timestamp)),
            user_ptr=self.user_ptr + later * (1 - len(again)),
        )
