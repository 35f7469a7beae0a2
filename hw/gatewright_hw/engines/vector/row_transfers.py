"""The transfers of a matrix: one per row, or one per sixteen rows while rows follow each other without a gap; or rows
that lie where they are told to.

Throughput: a descriptor a cycle, from the cycle after ``start`` on.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.commands import VECTOR
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright.spec.vector import MAX_COLUMNS, ElementType
from gatewright_hw.bus.ports import ADDRESS_BITS, Descriptor
from gatewright_hw.parts.parameters import in_range

__all__ = ["ROWS_BITS", "RowTransfers", "matrix_layout"]

ROWS_BITS = VECTOR.field("rows").width
_LEAST_COLUMNS = BUS_BYTES // ElementType.INT32.nbytes
_MERGED = MAX_BURST_BEATS
"""Rows in one transfer when they lie side by side, so that rows of a single beat fill whole bursts."""


def matrix_layout(max_columns: int) -> data.StructLayout:
    """Where a matrix of at most ``max_columns`` elements in a row lies in memory.

    ``addr`` and ``stride``: byte address of the first row and bytes from row to row, multiples of 8. ``rows`` and
    ``beats``: how many rows, and 64-bit beats of each; at least one.
    """
    beats = range(max_columns * ElementType.INT32.nbytes // BUS_BYTES + 1)
    return data.StructLayout({"addr": ADDRESS_BITS, "stride": ADDRESS_BITS, "rows": ROWS_BITS, "beats": beats})


class RowTransfers(wiring.Component):
    """Emits the descriptors of a matrix.

    Parameters
    ----------
    max_columns : the widest row, at least a beat of int32, at most MAX_COLUMNS.

    Members
    -------
    start : 1, in; high for one cycle.
    matrix : :func:`matrix_layout`, in; constant from two cycles before ``start`` on. It may have no rows.
    place : stream of ADDRESS_BITS, in; where a further row lies, taken after those of the matrix.
    descriptor : stream of Descriptor, out.
    """

    def __init__(self, max_columns: int) -> None:
        max_columns = in_range("RowTransfers", "max_columns", max_columns, _LEAST_COLUMNS, MAX_COLUMNS)
        super().__init__(
            {
                "start": In(1),
                "matrix": In(matrix_layout(max_columns)),
                "place": In(stream.Signature(ADDRESS_BITS)),
                "descriptor": Out(stream.Signature(Descriptor)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        matrix = self.matrix
        left = Signal(ROWS_BITS)
        addr = Signal(ADDRESS_BITS)
        dense = Signal()
        merged = Signal()
        m.d.sync += dense.eq(matrix.stride == matrix.beats * BUS_BYTES)
        walks = left != 0
        m.d.comb += [
            merged.eq(dense & (left >= _MERGED)),
            self.descriptor.valid.eq(walks | self.place.valid),
            self.place.ready.eq(self.descriptor.ready & ~walks),
            self.descriptor.payload.addr.eq(Mux(walks, addr, self.place.payload)),
            self.descriptor.payload.beats.eq(Mux(merged, matrix.beats * _MERGED, matrix.beats)),
        ]
        with m.If(walks & self.descriptor.ready):
            m.d.sync += [
                left.eq(left - Mux(merged, _MERGED, 1)),
                addr.eq(addr + Mux(merged, matrix.stride * _MERGED, matrix.stride)),
            ]
        with m.If(self.start):
            m.d.sync += [left.eq(matrix.rows), addr.eq(matrix.addr)]
        return m
