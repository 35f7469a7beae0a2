"""Named errors of comparisons: each message is one sentence that says what was given and what is allowed."""

from gatewright.spec.errors import GatewrightError

__all__ = ["ComparisonError"]


class ComparisonError(GatewrightError, ValueError):
    """A comparison that cannot be made: of nothing, of a system with itself, of one that is not measured."""
