"""The way of a product's results through the vector engine: what the gemm engine hands over.

The results of a tile's row are a row for the vector engine. Where it lies is told apart from its beats, and ahead of
them, so that what it meets is there when they come.
"""

from __future__ import annotations

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES
from gatewright_hw.bus.ports import ADDRESS_BITS

__all__ = ["EpilogueSignature", "row_place"]


def row_place(max_columns: int) -> data.StructLayout:
    """Where a tile's row lies: the byte address of its first element in C, and that element's column."""
    return data.StructLayout({"addr": ADDRESS_BITS, "column": range(max_columns)})


class EpilogueSignature(wiring.Signature):
    """From the gemm engine to the vector engine.

    Parameters
    ----------
    max_columns : the widest C.

    Members
    -------
    begin : 1, out; high for one cycle, a command with EPILOGUE begins. The vector engine is idle then.
    command : 512 bits, out; that command, constant from ``begin`` on until ``done``.
    place : stream of :func:`row_place`, out; of rows of whole tiles, in order.
    beat : stream of 64 bits, out; their int16 elements.
    ended : 1, out; every place and every beat has been handed over. Only looked at from the third cycle after
        ``begin`` on.
    done : 1, in; high for one cycle, all results are in memory.
    """

    def __init__(self, max_columns: int) -> None:
        super().__init__(
            {
                "begin": Out(1),
                "command": Out(8 * COMMAND_BYTES),
                "place": Out(stream.Signature(row_place(max_columns))),
                "beat": Out(stream.Signature(8 * BUS_BYTES)),
                "ended": Out(1),
                "done": In(1),
            }
        )
