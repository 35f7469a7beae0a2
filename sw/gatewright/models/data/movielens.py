"""MovieLens ratings as index arrays.

F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gatewright.recommender.users import user_index

__all__ = ["NO_GENRES", "MovieLens"]

NO_GENRES = "(no genres listed)"  # what MovieLens writes


@dataclass(frozen=True)
class MovieLens:
    """Ratings of a set of movies, ordered by user and then by time.

    Attributes
    ----------
    name : where the data came from
    user_ids : int64 [users], MovieLens user ids in ascending order; a user's *index* is its position here
    movie_ids : int64 [items], MovieLens movie ids in ascending order; an item's *index* is its position here
    titles, genres : [items] strings; genres are separated by ``|`` as in MovieLens
    users, items : int32 [ratings], user and item index of each rating
    ratings : float32 [ratings], stars (0.5 to 5)
    timestamps : int64 [ratings], seconds since 1970
    """

    name: str
    user_ids: np.ndarray
    movie_ids: np.ndarray
    titles: tuple[str, ...]
    genres: tuple[str, ...]
    users: np.ndarray
    items: np.ndarray
    ratings: np.ndarray
    timestamps: np.ndarray

    @property
    def n_users(self) -> int:
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        return len(self.movie_ids)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything a trained model depends on."""
        digest = hashlib.sha256()
        for array in (self.user_ids, self.movie_ids, self.users, self.items, self.ratings, self.timestamps):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update("\0".join(self.titles + self.genres).encode())
        return digest.hexdigest()

    def user_index(self, user_id: int) -> int:
        """Index of a MovieLens user id; raises `UnknownUserError`."""
        return user_index(self.user_ids, user_id)

    @cached_property
    def user_ptr(self) -> np.ndarray:
        """int64 [users + 1]: the ratings of user index u are ``user_ptr[u]:user_ptr[u + 1]``, oldest first."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.users, minlength=self.n_users))])

    def select(self, which: np.ndarray) -> "MovieLens":
        """The same users and items with only the ratings ``which``: a mask (bool [ratings]), or indices in an order."""
        return MovieLens(
            self.name, self.user_ids, self.movie_ids, self.titles, self.genres,
            self.users[which], self.items[which], self.ratings[which], self.timestamps[which],
        )  # fmt: skip

    def subset(self, n_users: int) -> "MovieLens":
        """The ratings of the first ``n_users`` users and the movies those users rated."""
        mask = self.users < n_users
        kept, items = np.unique(self.items[mask], return_inverse=True)
        return MovieLens(
            f"{self.name}, first {n_users} users", self.user_ids[:n_users], self.movie_ids[kept],
            tuple(self.titles[i] for i in kept), tuple(self.genres[i] for i in kept),
            self.users[mask], items.astype(np.int32), self.ratings[mask], self.timestamps[mask],
        )  # fmt: skip

    def hold_out_latest(self, share: float) -> tuple["MovieLens", "MovieLens"]:
        """All but, and only, the latest ``share`` of each user's ratings: at least one, never the only one."""
        count = np.diff(self.user_ptr)
        held = np.minimum(np.maximum(1, np.floor(count * share)), count - 1)
        mask = self.age_from_end() < held[self.users]
        return self.select(~mask), self.select(mask)

    def age_from_end(self) -> np.ndarray:
        """int64 [ratings]: 0 for a user's most recent rating, 1 for the one before, and so on."""
        return self.user_ptr[self.users + 1] - 1 - np.arange(len(self.users))
