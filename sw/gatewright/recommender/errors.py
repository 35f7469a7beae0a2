"""Named errors of the recommender: each message is one sentence that says what was given and what is allowed."""

from gatewright.spec.errors import GatewrightError

__all__ = ["DataError", "ModelFileError", "RecommenderError", "UnknownMovieError", "UnknownUserError"]


class RecommenderError(GatewrightError, ValueError):
    """Base of every error a caller of the recommender can provoke with its input."""


class DataError(RecommenderError):
    """Rating data that cannot be used: a missing file or column, a malformed row, nothing to train on."""


class UnknownUserError(DataError):
    """A user id that is not in the data."""

    def __init__(self, user_id: object, count: int, first: int, last: int) -> None:
        super().__init__(f"unknown user {user_id}: the data has {count} users, with ids from {first} to {last}")


class UnknownMovieError(DataError):
    """A movie id that is not in the data."""

    def __init__(self, movie_id: object, count: int) -> None:
        super().__init__(f"unknown movie {movie_id}, allowed: the id of one of the data's {count} movies")


class ModelFileError(RecommenderError):
    """A model file that is missing, damaged or of another version."""
