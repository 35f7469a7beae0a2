"""A folder of files, or the packaged table, becomes a data set that can be trained on."""

from pathlib import Path

import numpy as np

from gatewright.models.data.assemble import assemble
from gatewright.models.data.forms import find_form
from gatewright.models.data.movielens import MovieLens
from gatewright.models.data.movies import by_id
from gatewright.models.data.packaged import load_packaged
from gatewright.models.data.ratings import read_numbers
from gatewright.models.data.values import STARS, WHOLE, listed
from gatewright.recommender.errors import DataError

__all__ = ["load_movielens"]

MIN_USERS = 2  # with one alone every movie is a rated one, and none is left to recommend
MIN_HISTORY = 3  # ratings of the longest history: one to hold out, one to predict, one to predict it from


def load_movielens(directory: str | Path | None = None) -> MovieLens:
    """The data set in ``directory``, in one of `forms.FORMS`, or the packaged one when None.

    Raises `DataError` for a missing file or column, a malformed row (with its line), a movie that is not listed or
    listed twice, or too little data to train on.
    """
    if directory is None:
        return load_packaged()
    folder = Path(directory)
    found = find_form(folder)
    titles = by_id(found.movies, found.form.read_movies(found.movies))
    kinds = (WHOLE, listed(titles.keys(), found.movies.name), STARS, WHOLE)
    columns = read_numbers(found.ratings, found.form.layout, dict(zip(found.form.columns, kinds, strict=True)))
    data = assemble(str(folder), dict(zip(("userId", "movieId", "rating", "timestamp"), columns, strict=True)), titles)
    history = int(np.diff(data.user_ptr).max())
    if data.n_users < MIN_USERS or history < MIN_HISTORY:
        raise DataError(
            f"{folder} has too little to train on: users {data.n_users}, rated movies {data.n_items}, ratings "
            f"{len(data.ratings)}, at most {history} by one user; it needs at least {MIN_USERS} users, {MIN_HISTORY} "
            f"rated movies and {MIN_HISTORY + MIN_USERS - 1} ratings, {MIN_HISTORY} of them by one user"
        )
    return data
