"""Tile issuer: turns tiles into steps of the array, ``depth`` k a cycle, without a gap between tiles that take at
least ``drain_cycles`` cycles.

Where two columns share a multiplier (a depth of more than 1) and B is not narrow, each step takes two cycles: even
columns first, then odd ones, with zeros for the others, since two values side by side could leave the range of the
multiplier's pre-adder.

A tile that goes to memory starts when the output has reserved room for it, since the array cannot wait once it drains.
"""

from __future__ import annotations

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright_hw.engines.gemm.geometry import WORD_BYTES, Geometry, Kind

__all__ = ["TileIssuer"]


class TileIssuer(wiring.Component):
    """Tiles in, one step a cycle out.

    Members
    -------
    tile : stream of geometry.tile, in; to compute, in order.
    reserve : stream of geometry.tile, out; one that starts and goes to memory. Not ready while there is no room for it.
    narrow : 1, in; B has no -128. Stable while there are tiles.
    read : 1, out; the operand banks read a word in this cycle.
    a_word, b_word : range(a_depth), range(b_depth), out; those words.
    group : range(WORD_BYTES // depth), out; bytes of the word for this step.
    live : ``depth`` bits, out; which of them are of the tile.
    sides : 2 bits, out; whether even, and odd, columns take part.
    first, last : 1, out; the step begins, ends a tile.
    unsigned : 1, out; A is unsigned in this step.
    ended : geometry.tile, out; the tile whose last step was issued last; changes in the cycle after ``last``.
    release_a : 1, out; the last words of A have been read and may be overwritten; one cycle.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        super().__init__(
            {
                "tile": In(stream.Signature(g.tile)),
                "reserve": Out(stream.Signature(g.tile)),
                "narrow": In(1),
                "read": Out(1),
                "a_word": Out(range(g.config.a_depth)),
                "b_word": Out(range(g.config.b_depth)),
                "group": Out(range(WORD_BYTES // g.depth)),
                "live": Out(g.depth),
                "sides": Out(2),
                "first": Out(1),
                "last": Out(1),
                "unsigned": Out(1),
                "ended": Out(g.tile),
                "release_a": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        tile = Signal(g.tile)
        active = Signal()
        pause = Signal(range(g.drain_cycles))  # a short tile waits, so that the one before has left the array
        left = Signal(g.length)
        begun = Signal()
        odd = Signal()  # the second cycle of a step

        step, end = Signal(), Signal()
        free = Signal()
        twice = ~self.narrow if g.depth > 1 else C(0)
        to_memory = self.tile.payload.kind != Kind.SCORE
        m.d.comb += [
            step.eq(active & (pause == 0)),
            end.eq(step & (odd | ~twice)),
            self.read.eq(step & (self.group == 0) & ~odd),
            self.live.eq(Cat(left > k for k in range(g.depth))),
            self.sides.eq(Cat(~odd, odd | ~twice)),
            self.first.eq(step & ~begun),
            self.last.eq(end & (left <= g.depth)),
            self.unsigned.eq(tile.kind == Kind.VALUE),
            self.release_a.eq(self.last & tile.release_a),
            free.eq(~active | self.last),
            self.reserve.payload.eq(self.tile.payload),
            self.reserve.valid.eq(free & self.tile.valid & to_memory),
            self.tile.ready.eq(free & (self.reserve.ready | ~to_memory)),
        ]
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.If(step):
            m.d.sync += [begun.eq(1), odd.eq(~end)]
        with m.If(end):
            m.d.sync += [self.group.eq(self.group + 1), left.eq(left - g.depth)]
            with m.If(self.group == WORD_BYTES // g.depth - 1):
                m.d.sync += [self.a_word.eq(self.a_word + 1), self.b_word.eq(self.b_word + 1)]
        with m.If(self.last):
            m.d.sync += [active.eq(0), self.ended.eq(tile)]
        with m.If(self.tile.valid & self.tile.ready):
            new = self.tile.payload
            steps = (new.steps + g.depth - 1) >> exact_log2(g.depth)
            short = steps < g.drain_cycles
            m.d.sync += [
                tile.eq(new),
                active.eq(1),
                begun.eq(0),
                pause.eq(Mux(short, g.drain_cycles - steps, 0)),
                left.eq(new.steps),
                self.group.eq(0),
                self.a_word.eq(new.a_word),
                self.b_word.eq(new.b_word),
            ]
        return m
