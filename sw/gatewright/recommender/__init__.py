"""A hybrid recommendation request on the accelerator. Needs numpy and, for text, tokenizers; no torch."""

from gatewright.recommender.errors import DataError, ModelFileError, RecommenderError, UnknownUserError
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
    "UnknownUserError",
]
