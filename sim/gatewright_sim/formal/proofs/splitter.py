"""Cutting transfers into bursts."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, Signal, Value

from gatewright_hw.bus import splitter as splitter_module
from gatewright_hw.bus.ports import WORD_LSB
from gatewright_hw.bus.splitter import BurstSplitter
from gatewright_sim.formal.axi_rules import is_legal
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.internals import opened, register
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.properties import stays_until_taken, waited

__all__ = ["TABLE"]


class SplitterHarness(Harness):
    """Every burst is legal, and the bursts of a transfer are its beats, each once, in order."""

    def __init__(self) -> None:
        super().__init__(BurstSplitter())

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        descriptor, burst = part.descriptor, part.burst
        m.d.comb += [
            Assume(stays_until_taken(m, descriptor.valid, descriptor.ready, descriptor.payload)),
            Assume(descriptor.payload.addr[:3] == 0),
        ]
        # What the bursts must cover next; a descriptor may be taken while the last burst before it waits at the output.
        addr, left = Signal(32), Signal(21)
        next_addr, next_left, has_next = Signal(32), Signal(20), Signal()
        takes, leaves = descriptor.valid & descriptor.ready, burst.valid & burst.ready
        beats = burst.payload.len + 1
        rest = left - Mux(leaves, beats, 0)
        waits = Mux(burst.valid, beats, 0)
        with m.If(leaves):
            m.d.sync += [addr.eq(addr + (beats << 3)), left.eq(rest)]
        with m.If(rest == 0):
            m.d.sync += [has_next.eq(0)]
            with m.If(has_next):
                m.d.sync += [addr.eq(next_addr), left.eq(next_left)]
        with m.If(takes):
            with m.If((rest == 0) & ~has_next):
                m.d.sync += [addr.eq(descriptor.payload.addr), left.eq(descriptor.payload.beats)]
            with m.Else():
                m.d.sync += [next_addr.eq(descriptor.payload.addr), next_left.eq(descriptor.payload.beats)]
                m.d.sync += has_next.eq(descriptor.payload.beats != 0)
        if self.invariants:
            m.d.comb += Assert(~has_next | ((left == waits) & burst.valid & (next_left != 0)))
            place = Mux(has_next, next_addr, (addr + (waits << 3))[:32])
            self._not_cut(m, place, Mux(has_next, next_left, left - waits))
        m.d.comb += [
            Assert(stays_until_taken(m, burst.valid, burst.ready, burst.payload)),
            Assert(
                ~burst.valid
                | (is_legal(burst.payload.addr, burst.payload.len) & (burst.payload.addr == addr) & (beats <= left))
            ),
            Assert(part.busy | (left == 0)),
            Assert(waited(m, (left != 0) & ~burst.valid, 2) < 2),
            Cover((left == 3) & (burst.payload.len == 2) & has_next & (addr[:12] == 0)),
        ]
        return m

    def _not_cut(self, m: Module, place: Value, beats: Value) -> None:
        """``beats`` from ``place`` on are not cut yet."""
        inside = opened(self.part)
        active, line, first, end = (register(inside, name) for name in ("active", "line", "first", "end"))
        m.d.comb += [
            Assert(active == (beats != 0)),
            Assert(~active | ((Cat(Const(0, WORD_LSB), first, line) == place) & (end - first + 1 == beats))),
            Assert(place[:WORD_LSB] == 0),
        ]


TABLE = (
    Proof(
        "splitter",
        "bursts are legal, cover a transfer exactly, and come at once",
        SplitterHarness,
        Mode.INDUCTIVE,
        5,
        (
            Bug(
                "a burst goes on past its line",
                splitter_module,
                "last, end[:LEN_BITS], MAX_BURST_BEATS - 1) - first",
                "last, end[:LEN_BITS], MAX_BURST_BEATS - 1)",
            ),
            Bug(
                "a transfer's last line is lost",
                splitter_module,
                "last.eq(end[LEN_BITS:] == 0)",
                "last.eq(end[LEN_BITS:] <= 1)",
            ),
        ),
    ),
)
