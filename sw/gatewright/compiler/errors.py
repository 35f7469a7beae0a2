"""What the compiler raises and warns of: one sentence that names the file, node or tensor, and says what is allowed."""

from gatewright.spec.errors import GatewrightError

__all__ = ["AccuracyWarning", "CalibrationWarning", "CompileError", "OutOfRangeError"]


class CompileError(GatewrightError, ValueError):
    """A model, or an option of the compiler, that cannot be turned into a program."""


class OutOfRangeError(CompileError):
    """Numbers that the fabric's formats cannot hold: a reason for a node to run on the host."""


class AccuracyWarning(UserWarning):
    """Results of a compiled program are further from those of the model than is allowed."""


class CalibrationWarning(UserWarning):
    """Ranges of values come from inputs that may not be like those of calls."""
