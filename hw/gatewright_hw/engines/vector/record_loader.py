"""The first beats that the reader of A brings: the output records, then the table. What comes behind them is A."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import TABLE_BYTES, TABLE_ENTRIES

__all__ = ["RecordLoader", "Records"]

_BEAT_BITS = 8 * BUS_BYTES
_RECORD_BITS = 8 * TABLE_BYTES // TABLE_ENTRIES


class Records(wiring.Signature):
    """Output records and records of the table on their way to the lanes.

    Members
    -------
    record_valid, record_index, record : an output record of 8 bytes and its column.
    entry_valid, entry_index, entry : a record of the table and its place.
    """

    def __init__(self, max_columns: int) -> None:
        super().__init__(
            {
                "record_valid": Out(1),
                "record_index": Out(range(max_columns)),
                "record": Out(_BEAT_BITS),
                "entry_valid": Out(1),
                "entry_index": Out(range(TABLE_ENTRIES)),
                "entry": Out(_RECORD_BITS),
            }
        )


class RecordLoader(wiring.Component):
    """Splits one stream of beats. An output record takes one cycle, a record of the table one as well: two to a beat.

    Members
    -------
    start : high for one cycle before the first beat, with ``last_record``, the output records minus one, and
        ``with_table``.
    beats : in.
    records : out.
    rest : all further beats.
    """

    def __init__(self, max_columns: int) -> None:
        super().__init__(
            {
                "start": In(1),
                "last_record": In(range(max_columns)),
                "with_table": In(1),
                "beats": In(stream.Signature(_BEAT_BITS)),
                "records": Out(Records(max_columns)),
                "rest": Out(stream.Signature(_BEAT_BITS)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        out = self.records
        for_out, for_table = Signal(), Signal()  # what the next beat belongs to
        m.d.comb += [
            out.record.eq(self.beats.payload),
            out.entry.eq(self.beats.payload.word_select(out.entry_index[0], _RECORD_BITS)),
            self.rest.payload.eq(self.beats.payload),
        ]
        with m.If(for_out):
            m.d.comb += [self.beats.ready.eq(1), out.record_valid.eq(self.beats.valid)]
        with m.Elif(for_table):
            m.d.comb += [self.beats.ready.eq(out.entry_index[0]), out.entry_valid.eq(self.beats.valid)]
        with m.Else():
            m.d.comb += [self.beats.ready.eq(self.rest.ready), self.rest.valid.eq(self.beats.valid)]

        with m.If(out.record_valid):
            m.d.sync += out.record_index.eq(out.record_index + 1)
            with m.If(out.record_index == self.last_record):
                m.d.sync += [out.record_index.eq(0), for_out.eq(0)]
        with m.If(out.entry_valid):
            m.d.sync += out.entry_index.eq(out.entry_index + 1)
            with m.If(out.entry_index == TABLE_ENTRIES - 1):
                m.d.sync += for_table.eq(0)
        with m.If(self.start):
            m.d.sync += [for_out.eq(1), for_table.eq(self.with_table)]
        return m
