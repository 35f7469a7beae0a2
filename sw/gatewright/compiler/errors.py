"""What the compiler raises: one sentence that names the file, node or tensor, and says what is allowed."""

from gatewright.spec.errors import GatewrightError

__all__ = ["CompileError"]


class CompileError(GatewrightError, ValueError):
    """A model, or an option of the compiler, that cannot be turned into a program."""
