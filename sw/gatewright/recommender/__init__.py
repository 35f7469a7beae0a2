"""A hybrid recommendation request on the accelerator. Needs numpy and, for text, tokenizers; no torch."""

from typing import TYPE_CHECKING

from gatewright.lazy import loaded_when_asked_for as _loaded_when_asked_for

if TYPE_CHECKING:
    from gatewright.recommender.errors import (
        DataError,
        ModelFileError,
        RecommenderError,
        UnknownMovieError,
        UnknownUserError,
    )
    from gatewright.recommender.model import HybridModel
    from gatewright.recommender.request import HybridRecommender, Recommendation, RecommendedItem

__all__ = [
    "DataError",
    "HybridModel",
    "HybridRecommender",
    "ModelFileError",
    "Recommendation",
    "RecommendedItem",
    "RecommenderError",
    "UnknownMovieError",
    "UnknownUserError",
]

_MODULES = {
    "errors": ("DataError", "ModelFileError", "RecommenderError", "UnknownMovieError", "UnknownUserError"),
    "model": ("HybridModel",),
    "request": ("HybridRecommender", "Recommendation", "RecommendedItem"),
}

__getattr__, __dir__ = _loaded_when_asked_for(
    __name__, {name: f"{__name__}.{module}:{name}" for module, names in _MODULES.items() for name in names}
)
