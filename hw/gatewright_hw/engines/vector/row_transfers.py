"""The transfers of a matrix: one per row, or one per sixteen rows while rows follow each other without a gap."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.commands import VECTOR
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import ADDRESS_BITS, Descriptor

__all__ = ["ROWS_BITS", "RowTransfers"]

ROWS_BITS = VECTOR.field("rows").width
_MERGED = MAX_BURST_BEATS
"""Rows in one transfer when they lie side by side, so that rows of a single beat fill whole bursts."""


class RowTransfers(wiring.Component):
    """Emits the descriptors of ``rows`` rows, one a cycle.

    Parameters
    ----------
    beats_bits : width of ``beats``, 1..16.

    Members
    -------
    start : high for one cycle; the others are constant from then on.
    addr, stride : byte address of the first row and bytes from row to row, multiples of 8.
    rows, beats : rows, and 64-bit beats of each; at least one.
    descriptor : transfers out.
    """

    def __init__(self, beats_bits: int) -> None:
        if not 1 <= beats_bits <= 16:
            raise ValueError(f"RowTransfers: beats_bits is {beats_bits}, allowed 1..16")
        super().__init__(
            {
                "start": In(1),
                "addr": In(ADDRESS_BITS),
                "stride": In(ADDRESS_BITS),
                "rows": In(ROWS_BITS),
                "beats": In(beats_bits),
                "descriptor": Out(stream.Signature(Descriptor)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        left = Signal(ROWS_BITS)
        addr = Signal(ADDRESS_BITS)
        dense = Signal()
        merged = Signal()
        m.d.sync += dense.eq(self.stride == self.beats * BUS_BYTES)
        m.d.comb += [
            merged.eq(dense & (left >= _MERGED)),
            self.descriptor.valid.eq(left != 0),
            self.descriptor.payload.addr.eq(addr),
            self.descriptor.payload.beats.eq(Mux(merged, self.beats * _MERGED, self.beats)),
        ]
        with m.If(self.descriptor.valid & self.descriptor.ready):
            m.d.sync += [
                left.eq(left - Mux(merged, _MERGED, 1)),
                addr.eq(addr + Mux(merged, self.stride * _MERGED, self.stride)),
            ]
        with m.If(self.start):
            m.d.sync += [left.eq(self.rows), addr.eq(self.addr)]
        return m
