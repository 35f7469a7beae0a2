"""The first beats that the reader of A brings: the output records, then the table. What comes behind them is A.

Throughput: an output record of 8 bytes a cycle, a record of the table of 4 bytes a cycle, a beat of A a cycle.
"""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import RECORD_BYTES, TABLE_BYTES, TABLE_ENTRIES

__all__ = ["RecordLoader", "RecordWrite", "output_record_write", "table_record_write"]

_BEAT_BITS = 8 * BUS_BYTES
_TABLE_RECORD_BITS = 8 * TABLE_BYTES // TABLE_ENTRIES


class RecordWrite(wiring.Signature):
    """A record on its way to the lanes.

    Parameters
    ----------
    records : how many there may be.
    bits : of one.

    Members
    -------
    valid : 1, out; a record is there in this cycle.
    index : out; its column, or its place in the table.
    record : ``bits``, out.
    """

    def __init__(self, records: int, bits: int) -> None:
        super().__init__({"valid": Out(1), "index": Out(range(records)), "record": Out(bits)})


def output_record_write(max_columns: int) -> RecordWrite:
    """Output records of 8 bytes, by column."""
    return RecordWrite(max_columns, 8 * RECORD_BYTES)


def table_record_write() -> RecordWrite:
    """Records of the table, 4 bytes each."""
    return RecordWrite(TABLE_ENTRIES, _TABLE_RECORD_BITS)


class RecordLoader(wiring.Component):
    """Splits one stream of beats.

    Parameters
    ----------
    max_columns : the most output records.

    Members
    -------
    start : 1, in; high for one cycle before the first beat.
    last_record : in; the output records minus one, constant from ``start`` on.
    with_table : 1, in; a table follows them; valid with ``start``.
    beats : stream of 64 bits, in.
    output_records, table_records : RecordWrite, out.
    rest : stream of 64 bits, out; all further beats.
    loaded : 1, out; the records have come. Rises no earlier than two cycles after ``start``.
    """

    def __init__(self, max_columns: int) -> None:
        super().__init__(
            {
                "start": In(1),
                "last_record": In(range(max_columns)),
                "with_table": In(1),
                "beats": In(stream.Signature(_BEAT_BITS)),
                "output_records": Out(output_record_write(max_columns)),
                "table_records": Out(table_record_write()),
                "rest": Out(stream.Signature(_BEAT_BITS)),
                "loaded": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        outputs, table = self.output_records, self.table_records
        for_outputs, for_table = Signal(), Signal()  # what the next beat belongs to
        second_half = table.index[0]  # a beat brings two records of the table
        m.d.comb += [
            outputs.record.eq(self.beats.payload),
            table.record.eq(self.beats.payload.word_select(second_half, _TABLE_RECORD_BITS)),
            self.rest.payload.eq(self.beats.payload),
            self.loaded.eq(~for_outputs & ~for_table),
        ]
        with m.If(for_outputs):
            m.d.comb += [self.beats.ready.eq(1), outputs.valid.eq(self.beats.valid)]
        with m.Elif(for_table):
            m.d.comb += [self.beats.ready.eq(second_half), table.valid.eq(self.beats.valid)]
        with m.Else():
            m.d.comb += [self.beats.ready.eq(self.rest.ready), self.rest.valid.eq(self.beats.valid)]

        with m.If(outputs.valid):
            m.d.sync += outputs.index.eq(outputs.index + 1)
            with m.If(outputs.index == self.last_record):
                m.d.sync += [outputs.index.eq(0), for_outputs.eq(0)]
        with m.If(table.valid):
            m.d.sync += table.index.eq(table.index + 1)
            with m.If(table.index == TABLE_ENTRIES - 1):
                m.d.sync += for_table.eq(0)
        with m.If(self.start):
            m.d.sync += [for_outputs.eq(1), for_table.eq(self.with_table)]
        return m
