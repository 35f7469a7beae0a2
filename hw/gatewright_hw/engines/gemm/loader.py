"""Tile loader: moves operands, column parameters and key masks from memory to where the array's engine keeps them.

One process asks for the rows of a job, one descriptor a cycle; another follows with the data, up to one beat a cycle,
several jobs behind. Jobs end in order, hence a job's event means that every earlier job has ended as well.

Memory traffic: ``rows * beats`` beats per job, nothing twice.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.bus.ports import ADDRESS_BITS, Descriptor
from gatewright_hw.engines.gemm.geometry import WORD_BYTES, WORD_LSB, Event, Geometry, Target
from gatewright_hw.engines.gemm.operand_banks import BankWrite
from gatewright_hw.parts.queue import Queue

__all__ = ["TileLoader"]

_JOBS_AHEAD = 8
"""Jobs whose rows have been asked for and whose data is not all here."""


class TileLoader(wiring.Component):
    """Jobs in, bank writes and events out. Whoever keeps parameter records or the key mask takes them from ``data``.

    Members
    -------
    job : stream of geometry.job, in; the loads, in order.
    descriptor : stream of Descriptor, out; to the burst reader.
    data : stream of 64 bits, in; from the burst reader.
    a, b : BankWrite, out; to the operand banks.
    stall_a : 1, in; another writer has A's banks in this cycle.
    column_write : 1, out; ``data`` is a parameter record in this cycle.
    column, column_lane : range(entries) and range(lanes), out; its place.
    mask_write : 1, out; ``data`` is a word of the key mask in this cycle.
    mask : range(words), out; its place.
    event, tiles : Event and range(BLOCK_TILES + 1), out; a job of so many tiles has ended (Event.NONE for none).
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        super().__init__(
            {
                "job": In(stream.Signature(g.job)),
                "descriptor": Out(stream.Signature(Descriptor)),
                "data": In(stream.Signature(8 * WORD_BYTES)),
                "a": Out(BankWrite(g.rows, g.config.a_depth)),
                "b": Out(BankWrite(g.cols, g.config.b_depth)),
                "stall_a": In(1),
                "column_write": Out(1),
                "column": Out(range(2 * BLOCK_TILES * g.parts)),
                "column_lane": Out(range(g.lanes)),
                "mask_write": Out(1),
                "mask": Out(range(-(-g.config.max_seq // (8 * WORD_BYTES)))),
                "event": Out(Event),
                "tiles": Out(range(BLOCK_TILES + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(self._geometry.job, _JOBS_AHEAD)
        self._ask(m, queue)
        self._place(m, queue)
        return m

    def _ask(self, m: Module, queue: Queue) -> None:
        """Descriptors of a job's rows. Each target remembers where its last job ended."""
        job = Signal(self._geometry.job)
        left = Signal.like(job.rows)
        addr = Signal(ADDRESS_BITS)
        resume = Signal(data.ArrayLayout(ADDRESS_BITS, len(Target)))
        after = Signal(ADDRESS_BITS)
        end = Signal()
        m.d.comb += [
            self.descriptor.payload.addr.eq(addr),
            self.descriptor.payload.beats.eq(job.beats),
            self.descriptor.valid.eq(left != 0),
            after.eq(addr + job.stride),
            end.eq(self.descriptor.valid & self.descriptor.ready & (left == 1)),
            queue.i.payload.eq(self.job.payload),
            queue.i.valid.eq(self.job.valid & (left == 0)),
            self.job.ready.eq(queue.i.ready & (left == 0)),
        ]
        with m.If(self.descriptor.valid & self.descriptor.ready):
            m.d.sync += [left.eq(left - 1), addr.eq(after)]
        with m.If(end):
            m.d.sync += resume[job.target].eq(after)
        with m.If(self.job.valid & self.job.ready):
            new = self.job.payload
            m.d.sync += [
                job.eq(new),
                left.eq(new.rows),
                addr.eq(Mux(new.restart, new.addr, resume[new.target])),
            ]

    def _place(self, m: Module, queue: Queue) -> None:
        """Where each beat goes."""
        g = self._geometry
        job = Signal(g.job)
        active = Signal()
        rows = Signal.like(job.rows)  # rows left
        beats = Signal.like(job.beats)  # beats of this row left
        base = Signal.like(job.word)  # first word of this row
        word = Signal.like(job.word)  # this beat's word, or entry
        bank = Signal(range(max(g.rows, g.cols)))  # this row's bank
        group = Signal(range(max(g.cols // WORD_BYTES, 2)))  # transposed: this beat's eight banks
        byte = Signal(range(WORD_BYTES))  # transposed: this row's byte of the word
        lane = Signal(range(g.lanes))  # this parameter record's lane

        beat, row_end, job_end = Signal(), Signal(), Signal()
        m.d.comb += [
            self.data.ready.eq(active & ~(self.stall_a & (job.target == Target.A))),
            beat.eq(self.data.valid & self.data.ready),
            row_end.eq(beat & (beats == 1)),
            job_end.eq(row_end & (rows == 1)),
        ]
        for target, write, banks in ((Target.A, self.a, g.rows), (Target.B, self.b, g.cols)):
            chosen = (Const(1) << bank)[:banks]
            if target is Target.B:
                eight = Const((1 << WORD_BYTES) - 1) << (group << WORD_LSB)
                chosen = Mux(job.transposed, eight[:banks], chosen)
                m.d.comb += write.transposed.eq(job.transposed)
            m.d.comb += [
                write.addr.eq(word),
                write.data.eq(self.data.payload),
                write.banks.eq(Mux(beat & (job.target == target), chosen, 0)),
                write.bytes.eq(Mux(write.transposed, Const(1) << byte, (1 << WORD_BYTES) - 1)),
            ]
        m.d.comb += [
            self.column.eq(word),
            self.column_lane.eq(lane),
            self.column_write.eq(beat & (job.target == Target.PARAMS)),
            self.mask.eq(word),
            self.mask_write.eq(beat & (job.target == Target.MASK)),
            self.event.eq(Mux(job_end, job.event, Event.NONE)),
            self.tiles.eq(job.tiles),
        ]

        with m.If(beat):
            m.d.sync += beats.eq(beats - 1)
            with m.If(job.target == Target.PARAMS):
                m.d.sync += lane.eq(lane + 1)
                with m.If(lane == g.lanes - 1):
                    m.d.sync += word.eq(word + 1)
            with m.Elif(job.transposed):
                m.d.sync += group.eq(group + 1)
                with m.If(group == g.cols // WORD_BYTES - 1):
                    m.d.sync += [group.eq(0), word.eq(word + job.pitch)]
            with m.Else():
                m.d.sync += word.eq(word + 1)
        with m.If(row_end):
            next_base = Signal.like(base)
            m.d.sync += [rows.eq(rows - 1), beats.eq(job.beats), base.eq(next_base), word.eq(next_base), group.eq(0)]
            m.d.comb += next_base.eq(base)
            with m.If(job.transposed):
                m.d.sync += byte.eq(byte + 1)
                with m.If(byte == WORD_BYTES - 1):
                    m.d.comb += next_base.eq(base + 1)
            with m.Else():
                m.d.sync += bank.eq(bank + 1)
                with m.If(bank == Mux(job.target == Target.A, g.rows, g.cols) - 1):
                    m.d.comb += next_base.eq(base + job.pitch)
                    m.d.sync += bank.eq(0)

        take = ~active | job_end
        m.d.comb += queue.o.ready.eq(take)
        with m.If(take):
            new = queue.o.payload
            m.d.sync += [
                job.eq(new),
                active.eq(queue.o.valid),
                rows.eq(new.rows),
                beats.eq(new.beats),
                base.eq(new.word),
                word.eq(new.word),
                bank.eq(0),
                group.eq(0),
                byte.eq(0),
                lane.eq(0),
            ]
