"""Which bytes of a memory the contract says anything about, once a program has run.

A command's output is undefined where it stopped with an error, where it writes what it reads or writes a byte twice,
and where it reads what is undefined already. Nothing else that a program leaves may differ between two accelerators.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.spec.commands import DecodedCommand, Opcode
from gatewright.spec.extents import Operand, operands

__all__ = ["Defined", "mask"]

_MOST_ROWS = 1 << 16
"""Of an operand; one with more is taken for the whole memory."""
_STEERING = ("row_ptr_addr", "col_addr")
"""Operands of an aggregation that decide whether it ends with an error."""

Mask = npt.NDArray[np.bool_]


class Defined:
    """A memory of ``size`` bytes at ``base`` on which a program begins.

    Attributes
    ----------
    vague : bool [size], bytes that may be anything.
    touched : bool [size], bytes that some command may have written.
    lost : whether it is open how the program goes on, since something undefined decides it.
    """

    def __init__(self, base: int, size: int) -> None:
        self.base = base
        self.size = size
        self.vague = np.zeros(size, bool)
        self.touched = np.zeros(size, bool)
        self.lost = False

    def run(self, command: DecodedCommand, *, failed: bool) -> None:
        """A command runs, to its end or to an error."""
        found = operands(command)
        read = {each.field: mask(each, self.base, self.size) for each in found if not each.written}
        (output,) = (each for each in found if each.written)
        written = mask(output, self.base, self.size)
        sources = np.logical_or.reduce(list(read.values()))
        vague = failed or _overlaps_itself(output) or bool(np.any(sources & (written | self.vague)))
        if command.spec.opcode == Opcode.AGGREGATE:
            steering = read[_STEERING[0]] | read[_STEERING[1]]
            self.lost |= bool(np.any(steering & (written | self.vague)))
        self.touched |= written
        self.vague = self.vague | written if vague else self.vague & ~written


def mask(operand: Operand, base: int, size: int) -> Mask:
    """Bytes of the memory that belong to an operand; addresses wrap at 2**32."""
    found = np.zeros(size, bool)
    if not operand.nbytes:
        return found
    if operand.rows > _MOST_ROWS or operand.row_bytes > size:
        return ~found
    starts = (operand.address + np.arange(operand.rows, dtype=np.int64) * operand.stride) % (1 << 32) - base
    for start in np.unique(starts):
        for shifted in (start, start - (1 << 32), start + (1 << 32)):
            found[max(shifted, 0) : max(shifted + operand.row_bytes, 0)] = True
    return found


def _overlaps_itself(operand: Operand) -> bool:
    wraps = operand.rows * operand.stride > 1 << 32
    return operand.rows > 1 and (operand.stride < operand.row_bytes or wraps)
