"""Named errors of evaluation: each message is one sentence that says what was given and what is allowed."""

from gatewright.spec.errors import GatewrightError

__all__ = ["EvaluationError", "ScoreError"]


class EvaluationError(GatewrightError, ValueError):
    """What cannot be measured: no users, nothing relevant, numbers outside of what a method is defined for."""


class ScoreError(EvaluationError):
    """Scores that give no ranking; the message names who gave them."""
