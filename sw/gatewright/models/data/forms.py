"""The forms that MovieLens is published in, known by the names of their files.

GroupLens' READMEs of 100K, 1M, 10M and 32M describe theirs, RecBole's documentation its "atomic files" (W. X. Zhao et
al., "RecBole: Towards a Unified, Comprehensive and Efficient Framework for Recommendation Algorithms", CIKM 2021).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gatewright.models.data.movies import Movie, atomic_movies, flagged_movies, joined_movies
from gatewright.models.data.tables import Layout
from gatewright.recommender.errors import DataError

__all__ = ["FORMS", "Form", "Found", "find_form"]


@dataclass(frozen=True)
class Form:
    """Two files, and how to read them.

    Attributes
    ----------
    releases : what is published so
    ratings, movies : names of the files; a ``*`` stands for the same in both
    layout, columns : of the ratings; the columns are user, movie, rating and timestamp
    read_movies : path -> line, id, title and genres of each movie
    others : files that are read where they are
    """

    releases: str
    ratings: str
    movies: str
    layout: Layout
    columns: tuple[str, str, str, str]
    read_movies: Callable[[Path], Iterator[Movie]]
    others: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.ratings} and {self.movies} ({self.releases})".replace("*", "NAME")


_CSV = Layout(",", quoted=True)
_DAT = ("UserID", "MovieID", "Rating", "Timestamp")
_DATA = ("user id", "item id", "rating", "timestamp")
_DAT_MOVIES = ("MovieID", "Title", "Genres")
_ATOMIC = Layout("\t", typed=True)

FORMS = (
    Form(
        "latest, 20M, 25M, 32M", "ratings.csv", "movies.csv", _CSV, ("userId", "movieId", "rating", "timestamp"),
        lambda path: joined_movies(path, _CSV, ("movieId", "title", "genres")),
    ),
    Form(
        "1M, 10M", "ratings.dat", "movies.dat", Layout("::", names=_DAT), _DAT,
        lambda path: joined_movies(path, Layout("::", names=_DAT_MOVIES, latin1=True), _DAT_MOVIES),
    ),
    Form("100K", "u.data", "u.item", Layout("\t", names=_DATA), _DATA, flagged_movies, ("u.genre",)),
    Form(
        "RecBole", "*.inter", "*.item", _ATOMIC, ("user_id", "item_id", "rating", "timestamp"),
        lambda path: atomic_movies(path, _ATOMIC),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A form and its files in a folder."""

    form: Form
    ratings: Path
    movies: Path

    @property
    def files(self) -> tuple[Path, ...]:
        """Everything that is read."""
        others = (self.ratings.with_name(name) for name in self.form.others)
        return (self.ratings, self.movies, *(path for path in others if path.is_file()))


def find_form(folder: Path) -> Found:
    """The form that lies in ``folder``: the only one whose files are both there.

    Raises `DataError` where there is none, which says what is missing, or where there are several.
    """
    if not folder.is_dir():
        raise DataError(f"data directory {folder} does not exist or is not a directory")
    there = [Found(form, *pair) for form in FORMS for pair in _pairs(folder, form)]
    whole = [found for found in there if found.ratings.is_file() and found.movies.is_file()]
    if len(whole) == 1:
        return whole[0]
    if whole:
        names = "; ".join(f"{found.ratings.name} and {found.movies.name}" for found in whole)
        raise DataError(f"{folder} holds ratings {len(whole)} times ({names}), allowed: once")
    allowed = f"a data directory holds {', or '.join(map(str, FORMS))}"
    if not there:
        raise DataError(f"{folder} holds none of MovieLens' files: {allowed}")
    missing = (path for found in there for path in (found.ratings, found.movies) if not path.is_file())
    raise DataError(f"{', '.join(f'{path} does not exist' for path in missing)}: {allowed}")


def _pairs(folder: Path, form: Form) -> Iterator[tuple[Path, Path]]:
    """The files of a form of which at least one is there. A name that another form has, `u.item`, alone is no sign."""
    if "*" not in form.ratings:
        pair = folder / form.ratings, folder / form.movies
        if any(path.is_file() for path in pair):
            yield pair
        return
    taken = {name for other in FORMS for name in (other.ratings, other.movies)}
    there = (path for name in (form.ratings, form.movies) for path in folder.glob(name) if path.is_file())
    for stem in sorted({path.stem for path in there if path.name not in taken}):
        yield folder / form.ratings.replace("*", stem), folder / form.movies.replace("*", stem)
