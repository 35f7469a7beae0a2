"""What can go wrong: the accelerator's error codes, and the root of every exception raised on purpose."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ErrorCode", "GatewrightError", "SpecError"]


class GatewrightError(Exception):
    """Root of the toolkit's exceptions: one sentence that says what was given, what is allowed, and where."""


class SpecError(GatewrightError, ValueError):
    """A value outside the contract; the message names the field and the allowed range."""


class ErrorCode(IntEnum):
    """The ERROR register's code. Commands before it completed; the output of the one at ERROR_INDEX is undefined."""

    NONE = 0
    BAD_OPCODE = 1
    """Unknown opcode."""
    BAD_FLAGS = 2
    """A flag bit that the command does not define, or a combination that it does not allow."""
    UNALIGNED = 3
    """An address or stride that is not a multiple of 8; the detail is the word of the command."""
    BAD_SHAPE = 4
    """A size of zero or above the configuration's limit; the detail is the word of the command."""
    READ_SLVERR = 5
    READ_DECERR = 6
    WRITE_SLVERR = 7
    WRITE_DECERR = 8
    BAD_ROW_POINTER = 9
    """row_ptr[0] is not 0, row_ptr decreases, or it exceeds nnz."""
    BAD_INDEX = 10
    """A column index at or above cols."""
    WATCHDOG = 11
    """The command ran longer than WATCHDOG cycles; the accelerator needs a reset."""
