"""Tile loader: moves operands, column parameters and key masks from memory to where the array's engine keeps them.

Several loaders, each with a memory port of its own, take the same jobs and share the work: plain rows by the banks that
they go to, so that no two write to one bank; the first loader alone loads what is transposed, the last one alone
parameters and masks. :class:`EndedJobs` knows when a job has ended everywhere.

One process asks for the rows of a job, one descriptor a cycle; another follows with the data, up to one beat a cycle,
several jobs behind. Jobs end in order, hence a job's event means that every earlier job has ended as well.

Memory traffic: ``rows * beats`` beats per job, nothing twice.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Member, Out

from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.bus.ports import ADDRESS_BITS, Descriptor
from gatewright_hw.engines.gemm.geometry import WORD_BYTES, WORD_LSB, Event, Geometry, Target
from gatewright_hw.engines.gemm.operand_banks import BankWrite
from gatewright_hw.parts.queue import Queue

__all__ = ["JOBS_BEGUN", "TileLoader", "loader_members"]

_JOBS_AHEAD = 8
"""Jobs whose rows have been asked for, or are, and whose data does not come yet."""
JOBS_BEGUN = _JOBS_AHEAD + 1
"""Most jobs that are under way in a loader."""


def loader_members(geometry: Geometry) -> dict[str, Member]:
    """The members of a :class:`TileLoader`."""
    g = geometry
    return {
        "job": In(stream.Signature(g.job)),
        "descriptor": Out(stream.Signature(Descriptor)),
        "data": In(stream.Signature(8 * WORD_BYTES)),
        "a": Out(BankWrite(g.rows, g.config.a_depth)),
        "b": Out(BankWrite(g.cols, g.config.b_depth)),
        "stall_a": In(1),
        "stall_b": In(1),
        "column_write": Out(1),
        "column": Out(range(2 * BLOCK_TILES * g.parts)),
        "column_lane": Out(range(g.lanes)),
        "mask_write": Out(1),
        "mask": Out(range(-(-g.config.max_seq // (8 * WORD_BYTES)))),
        "ended": Out(1),
        "event": Out(Event),
        "tiles": Out(range(BLOCK_TILES + 1)),
    }


class TileLoader(wiring.Component):
    """Jobs in, bank writes and events out. Whoever keeps parameter records or the key mask takes them from ``data``.

    Parameters
    ----------
    share, shares : which of how many loaders this is; ``shares`` is a power of two, and divides the banks of each side.

    Members
    -------
    job : stream of geometry.job, in; the loads, in order. One that goes on where its target's last one ended has the
        same stride, and goes on behind whole tiles.
    descriptor : stream of Descriptor, out; to the burst reader.
    data : stream of 64 bits, in; from the burst reader.
    a, b : BankWrite, out; to the operand banks.
    stall_a, stall_b : 1, in; another writer has this loader's banks of that side in this cycle.
    column_write : 1, out; ``data`` is a parameter record in this cycle.
    column, column_lane : range(entries) and range(lanes), out; its place.
    mask_write : 1, out; ``data`` is a word of the key mask in this cycle.
    mask : range(words), out; its place.
    ended : 1, out; a job has ended.
    event, tiles : Event and range(BLOCK_TILES + 1), out; what that means, for so many tiles (Event.NONE: nothing).
    """

    def __init__(self, geometry: Geometry, share: int = 0, shares: int = 1) -> None:
        self._geometry = geometry
        self._share, self._shares = share, shares
        super().__init__(loader_members(geometry))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = Queue(self._geometry.job, _JOBS_AHEAD)
        self._ask(m, queue)
        self._place(m, queue)
        return m

    def _is_plain(self, job: data.View) -> Value:
        return ~job.transposed & ((job.target == Target.A) | (job.target == Target.B))

    def _block(self, job: data.View) -> Value:
        """Rows of a plain job that follow each other in this loader's banks; as many are each other loader's."""
        return Mux(job.target == Target.A, self._geometry.rows // self._shares, self._geometry.cols // self._shares)

    def _own(self, job: data.View) -> Value:
        """Rows from the first one that is this loader's to the job's end; 0 where none is."""
        before = self._share * self._block(job)
        first, last = self._share == 0, self._share == self._shares - 1
        whole = Mux(job.target == Target.B, first, last)  # those of B are transposed here
        return Mux(self._is_plain(job), Mux(job.rows > before, job.rows - before, 0), Mux(whole, job.rows, 0))

    def _skipped(self, job: data.View, row: Value) -> Value:
        """Rows of other loaders behind that one of this loader's block."""
        end = self._is_plain(job) & (row == self._block(job) - 1)
        return Mux(end, (self._shares - 1) * self._block(job), 0)

    def _ask(self, m: Module, queue: Queue) -> None:
        """Descriptors of a job's rows. Each target remembers where its last job ended."""
        g = self._geometry
        job = Signal(g.job)
        begin = Signal()  # a new job: where it begins for this loader is worked out
        left = Signal.like(job.rows)
        row = Signal(range(max(g.rows, g.cols)))  # in this loader's block
        addr, after, hop = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        resume = Signal(data.ArrayLayout(ADDRESS_BITS, len(Target)))
        skipped = Signal(range(max(g.rows, g.cols)))
        taken, end = Signal(), Signal()
        m.d.comb += [
            self.descriptor.payload.addr.eq(addr),
            self.descriptor.payload.beats.eq(job.beats),
            self.descriptor.valid.eq(left != 0),
            skipped.eq(self._skipped(job, row)),
            after.eq(addr + Mux(skipped != 0, hop, job.stride)),
            taken.eq(self.descriptor.valid & self.descriptor.ready),
            end.eq(taken & (left <= skipped + 1)),
            queue.i.payload.eq(self.job.payload),
            queue.i.valid.eq(self.job.valid & (left == 0) & ~begin),
            self.job.ready.eq(queue.i.ready & (left == 0) & ~begin),
        ]
        with m.If(taken):
            m.d.sync += [left.eq(left - 1 - skipped), addr.eq(after), row.eq(Mux(skipped != 0, 0, row + 1))]
        with m.If(end):
            m.d.sync += [left.eq(0), resume[job.target].eq(after)]
        with m.If(begin):
            block_bytes = Mux(  # powers of two: a shift
                job.target == Target.A, job.stride * (g.rows // self._shares), job.stride * (g.cols // self._shares)
            )
            m.d.sync += [begin.eq(0), left.eq(self._own(job)), row.eq(0)]
            m.d.sync += hop.eq(job.stride + (self._shares - 1) * block_bytes)
            with m.If(job.restart & self._is_plain(job)):
                m.d.sync += addr.eq(addr + self._share * block_bytes)
        with m.If(self.job.valid & self.job.ready):
            new = self.job.payload
            m.d.sync += [job.eq(new), begin.eq(1), addr.eq(Mux(new.restart, new.addr, resume[new.target]))]

    def _place(self, m: Module, queue: Queue) -> None:
        """Where each beat goes."""
        g = self._geometry
        job = Signal(g.job)
        active = Signal()
        rows = Signal.like(job.rows)  # rows left, others' included
        row = Signal(range(max(g.rows, g.cols)))  # in this loader's block
        beats = Signal.like(job.beats)  # beats of this row left
        base = Signal.like(job.word)  # first word of this row
        word = Signal.like(job.word)  # this beat's word, or entry
        group = Signal(range(max(g.cols // WORD_BYTES, 2)))  # transposed: this beat's eight banks
        byte = Signal(range(WORD_BYTES))  # transposed: this row's byte of the word
        lane = Signal(range(g.lanes))  # this parameter record's lane

        beat, row_end, job_end = Signal(), Signal(), Signal()
        stalled = Signal()
        skipped = Signal(range(max(g.rows, g.cols)))
        m.d.comb += [
            stalled.eq((self.stall_a & (job.target == Target.A)) | (self.stall_b & (job.target == Target.B))),
            self.data.ready.eq(active & (rows != 0) & ~stalled),
            beat.eq(self.data.valid & self.data.ready),
            row_end.eq(beat & (beats == 1)),
            skipped.eq(self._skipped(job, row)),
            job_end.eq(active & ((rows == 0) | (row_end & (rows <= skipped + 1)))),
        ]
        bank = self._share * self._block(job) + row
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
            self.ended.eq(job_end),
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
            m.d.sync += [rows.eq(rows - 1 - skipped), beats.eq(job.beats), group.eq(0)]
            m.d.sync += [base.eq(next_base), word.eq(next_base)]
            m.d.comb += next_base.eq(base)
            with m.If(job.transposed):
                m.d.sync += byte.eq(byte + 1)
                with m.If(byte == WORD_BYTES - 1):
                    m.d.comb += next_base.eq(base + 1)
            with m.Else():
                m.d.sync += row.eq(row + 1)
                with m.If(row == self._block(job) - 1):
                    m.d.comb += next_base.eq(base + job.pitch)
                    m.d.sync += row.eq(0)

        take = ~active | job_end
        m.d.comb += queue.o.ready.eq(take)
        with m.If(take):
            new = queue.o.payload
            m.d.sync += [
                job.eq(new),
                active.eq(queue.o.valid),
                rows.eq(self._own(new)),
                row.eq(0),
                beats.eq(new.beats),
                base.eq(new.word),
                word.eq(new.word),
                group.eq(0),
                byte.eq(0),
                lane.eq(0),
            ]
