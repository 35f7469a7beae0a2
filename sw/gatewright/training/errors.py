"""Named errors of training: each message is one sentence that says what was given and what is allowed."""

from gatewright.recommender.errors import RecommenderError

__all__ = ["CheckpointError", "TrainingError"]


class TrainingError(RecommenderError):
    """Options that cannot be trained with, a package that is missing, or a loss that is no number."""


class CheckpointError(TrainingError):
    """A checkpoint that is damaged, of another run, or in use."""
