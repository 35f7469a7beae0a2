"""What every system is: options, a grid of them to tune on validation, and ``fit``."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from gatewright.evaluation.scorer import Scorer
from gatewright.models.data import MovieLens
from gatewright.recommender.errors import RecommenderError

__all__ = ["System", "check_positive"]


class System(Protocol):
    """A frozen dataclass, whose fields are its options.

    Attributes
    ----------
    NAME : as tables have it
    GRID : values to try, by option; the product of all is the grid. Systems without options have an empty one
    """

    NAME: ClassVar[str]
    GRID: ClassVar[Mapping[str, tuple[Any, ...]]]

    def fit(self, train: MovieLens) -> Scorer:
        """Learn from ``train`` alone. What a scorer knows of a user is that user's ratings in ``train``.

        A user without any is given what is popular, and an item without any is scored as well.
        """
        ...


def check_positive(system: System, *options: str) -> None:
    """Raise `RecommenderError` for an option that is not above 0."""
    for option in options:
        value = getattr(system, option)
        if not value > 0:
            raise RecommenderError(f"{option} of {system.NAME} must lie above 0, got {value}")
