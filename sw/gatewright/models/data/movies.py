"""Titles and genres of movies, in MovieLens' own words whatever the file: "Heat (1995)", "Action|Crime"."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from gatewright.models.data.movielens import NO_GENRES
from gatewright.models.data.tables import Layout, read_table
from gatewright.models.data.values import WHOLE, flag, title
from gatewright.recommender.errors import DataError

__all__ = ["Movie", "atomic_movies", "by_id", "flagged_movies", "joined_movies"]

Movie = tuple[int, int, str, str]
"""Line, id, title, genres."""

GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""The order of the genres in 100K's `u.item`, by its README; `u.genre` says the same."""
UNKNOWN = "unknown"  # what 100K writes for NO_GENRES
_YEAR = re.compile(r"(\d{4})(?:\.0)?")


def joined_movies(path: Path, layout: Layout, names: tuple[str, str, str]) -> Iterator[Movie]:
    """Of tables whose columns ``names`` are id, title with its year, and genres with ``|`` between them."""
    for line, values in read_table(path, layout, dict(zip(names, (WHOLE.parse, title, str), strict=True))):
        movie, name, genres = values.values()
        yield line, movie, name, _genres([genres.strip()])


def flagged_movies(path: Path) -> Iterator[Movie]:
    """Of 100K's `u.item`, with a column of 0 and 1 for each genre; `u.genre` beside it names them, if it is there."""
    genres = _genre_names(path.with_name("u.genre"))
    others = ("release date", "video release date", "IMDb URL")
    layout = Layout("|", names=("movie id", "movie title", *others, *genres), latin1=True)
    columns = {"movie id": WHOLE.parse, "movie title": title, **dict.fromkeys(genres, flag)}
    for line, values in read_table(path, layout, columns):
        yield line, values["movie id"], values["movie title"], _genres(name for name in genres if values[name])


def _genre_names(path: Path) -> tuple[str, ...]:
    if not path.is_file():
        return GENRES_100K
    layout = Layout("|", names=("genre", "number"), latin1=True)
    names = []
    for line, values in read_table(path, layout, {"genre": str, "number": WHOLE.parse}):
        if values["number"] != len(names):
            raise DataError(f"{path}, line {line}: number {values['number']} where {len(names)} comes next")
        if not values["genre"].strip() or values["genre"] in names:
            raise DataError(f"{path}, line {line}: genre {values['genre']!r} is blank, or stands twice")
        names.append(values["genre"])
    return tuple(names)


def atomic_movies(path: Path, layout: Layout) -> Iterator[Movie]:
    """Of RecBole's `.item`: the year has a column of its own, genres are ``genre`` or ``class``, with spaces between.

    A year that is none (RecBole's 100K has two) is left out, and one that the title ends in is not said again.
    """
    needed = {"item_id": WHOLE.parse, "movie_title": title}
    for line, values in read_table(path, layout, needed, dict.fromkeys(("release_year", "genre", "class"), str)):
        name, year = values["movie_title"], _YEAR.fullmatch(values.get("release_year", "").strip())
        if year and not name.endswith(f"({year[1]})"):
            name = f"{name} ({year[1]})"
        genres = values.get("genre", values.get("class", ""))
        yield line, values["item_id"], name, NO_GENRES if genres == NO_GENRES else _genres(genres.split())


def _genres(names: Iterable[str]) -> str:
    text = "|".join(names)
    return text if text not in ("", UNKNOWN) else NO_GENRES


def by_id(path: Path, movies: Iterable[Movie]) -> dict[int, tuple[str, str]]:
    """Title and genres by movie id. Raises `DataError` where a movie stands twice and differs."""
    found: dict[int, tuple[str, str]] = {}
    for line, movie, name, genres in movies:
        if found.setdefault(movie, (name, genres)) != (name, genres):
            raise DataError(f"{path}, line {line}: movie {movie} stands before with another title or other genres")
    return found
