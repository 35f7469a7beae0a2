"""MovieLens in every form that it is published in, and the ways to hold ratings out of training."""

from gatewright.models.data.load import load_movielens
from gatewright.models.data.movielens import MovieLens

__all__ = ["MovieLens", "load_movielens"]
