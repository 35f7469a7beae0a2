"""What is raised about programs. Every message is a sentence that says what was found, and what is allowed."""

from gatewright.spec.errors import GatewrightError

__all__ = ["DamagedProgram", "InputError", "ProgramError", "UnsupportedProgram", "first_line"]


class ProgramError(GatewrightError, ValueError):
    """A program that cannot be read, written or loaded; nothing was."""


class DamagedProgram(ProgramError):
    """A file that is no whole program: foreign, cut off, changed, or with fields that make no sense."""


class UnsupportedProgram(ProgramError):
    """A program of another format or contract than this release's."""


class InputError(GatewrightError, ValueError):
    """A call's input that the program does not take; nothing ran. The message names it."""


def first_line(error: BaseException) -> str:
    """What another library's exception says first, as part of a sentence of ours."""
    lines = (line.strip().rstrip(".") for line in str(error).splitlines())
    return next((line[:_LONGEST] for line in lines if line), type(error).__name__)


_LONGEST = 300
"""Characters of such a line; some repeat a whole model."""
