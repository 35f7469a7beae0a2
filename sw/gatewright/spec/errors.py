"""What can go wrong: the accelerator's error codes, and the root of every exception raised on purpose."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ErrorCode", "GatewrightError", "SpecError"]


class GatewrightError(Exception):
    """Root of the toolkit's exceptions: one sentence that says what was given, what is allowed, and where."""


class SpecError(GatewrightError, ValueError):
    """A value outside the contract; the message names the field and the allowed range."""


class ErrorCode(IntEnum):
    """The ERROR register's code. Commands before it completed; the output of the one at ERROR_INDEX is undefined.

    An error of the bus at a command's fetch is its error, whatever its bytes are. Once it runs, an error of the bus
    does not stop it: it goes on with data that are undefined, and of all errors that it meets the lowest code is
    reported; WATCHDOG, which ends it, outranks them.

    An aggregation goes through its matrix row by row, a row's end pointer before the row's edges, and ends at the
    matrix' first fault. The errors of the bus at all elements up to there, at X of the edges before it and at Y of the
    rows before it are met for sure. Row pointers, indices and weights behind it, or behind the last row's edges, may
    have been read ahead, so that it is open whether an error of the bus there is met; X is not read for them.
    """

    NONE = 0
    BAD_OPCODE = 1
    BAD_FLAGS = 2
    UNALIGNED = 3
    BAD_SHAPE = 4
    READ_SLVERR = 5
    READ_DECERR = 6
    WRITE_SLVERR = 7
    WRITE_DECERR = 8
    BAD_ROW_POINTER = 9
    BAD_INDEX = 10
    WATCHDOG = 11

    @property
    def meaning(self) -> str:
        """What happened, in words."""
        return _MEANING[self]


_MEANING = {
    ErrorCode.NONE: "no error",
    ErrorCode.BAD_OPCODE: "unknown opcode",
    ErrorCode.BAD_FLAGS: "a flag, a set of flags or a choice that the command does not allow; the detail is its word",
    ErrorCode.UNALIGNED: "an address or stride that is not a multiple of 8; the detail is the word of the command",
    ErrorCode.BAD_SHAPE: "a size that the configuration cannot hold; the detail is the word of the command",
    ErrorCode.READ_SLVERR: "a memory read was answered with SLVERR",
    ErrorCode.READ_DECERR: "a memory read outside the memory (DECERR)",
    ErrorCode.WRITE_SLVERR: "a memory write was answered with SLVERR",
    ErrorCode.WRITE_DECERR: "a memory write outside the memory (DECERR)",
    ErrorCode.BAD_ROW_POINTER: "row pointers that do not start at 0, decrease, or exceed nnz",
    ErrorCode.BAD_INDEX: "a column index at or above cols",
    ErrorCode.WATCHDOG: "the command ran longer than WATCHDOG cycles; the accelerator needs a reset",
}
