"""The array tiles of Q K^T: for each head and each tile of queries, one array tile per ``cols`` keys.

With the causal mask an item stops at the last key that any of its queries may attend to (but has at least one key).
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from gatewright.spec.commands import ATTENTION
from gatewright.spec.config import QUERY_TILES
from gatewright_hw.engines.gemm.control import TilesSignature
from gatewright_hw.engines.gemm.geometry import WORD_LSB, Event, Geometry, Kind
from gatewright_hw.engines.gemm.tile_walk import SIZE_BITS, TileWalk
from gatewright_hw.engines.interface import command_layout

__all__ = ["ScoreItems"]

_SETTLE = 3
"""Cycles from a new reach to what follows from it: farthest key, keys, keys left."""


class ScoreItems(wiring.Component):
    """Items of scores, up to a tile a cycle, with _SETTLE cycles between items: an item is one tile of queries of one
    head. The buffer of the first item is 0, then they alternate.

    Members
    -------
    end : 1, out; the last tile of an item goes in this cycle.
    keys : geometry.length, out; of this item.
    others : as in :class:`..control.TilesSignature`.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        super().__init__(TilesSignature(geometry, end=Out(1), keys=Out(geometry.length)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        command = command_layout(ATTENTION)(self.command)
        causal = command.flags.causal
        m.submodules.q = q = TileWalk(g.rows, g.a_half)
        words = command.head_dim >> WORD_LSB
        tile = self.tile.payload

        heads = Signal(16)  # left, with this one
        upper = Signal()  # half of B's banks
        buffer = Signal()
        begun = Signal()  # not the first tile of the item
        b_word = Signal.like(tile.b_word)
        group = Signal.like(tile.group)
        last = Signal()
        go = Signal()

        # Keys that the first query of the item may attend to; negative when the sequence of queries is the longer one.
        # What follows from it is worked out over the item's first cycles, in which no tile goes.
        reach = Signal(signed(SIZE_BITS + 2))
        farthest = Signal.like(reach)
        left = Signal(g.length)  # keys from this tile on
        reach_here = Signal.like(reach)  # counted from this tile
        settle = Signal(range(_SETTLE + 1))
        m.d.sync += farthest.eq(reach + (g.rows - 1))
        with m.If(~causal | (farthest >= command.seq_kv)):
            m.d.sync += self.keys.eq(command.seq_kv)
        with m.Elif(farthest < 1):
            m.d.sync += self.keys.eq(1)
        with m.Else():
            m.d.sync += self.keys.eq(farthest)
        m.d.comb += [last.eq(left <= g.cols), tile.reach.eq(g.cols)]
        with m.If(causal):
            with m.If(reach_here < -g.rows):
                m.d.comb += tile.reach.eq(-g.rows)
            with m.Elif(reach_here < g.cols):
                m.d.comb += tile.reach.eq(reach_here)

        here_q = Signal(range(2 * QUERY_TILES + 1))
        here_k = Signal(range(3))
        use_q, use_k = ~begun, ~begun & q.fresh
        m.d.comb += [
            q.start.eq(self.start),
            q.total.eq(command.seq_q),
            q.per_half.eq(QUERY_TILES),
            q.pitch.eq(words),
            q.advance.eq(self.end),
            q.rewind.eq(self.end & q.last),
            tile.kind.eq(Kind.SCORE),
            tile.a_word.eq(q.word),
            tile.b_word.eq(b_word),
            tile.steps.eq(command.head_dim),
            tile.release_a.eq(last),
            tile.rows.eq(q.count),
            tile.cols.eq(Mux(last, left, g.cols)),
            tile.buffer.eq(buffer),
            tile.group.eq(group),
            tile.first.eq(~begun),
            tile.last.eq(last),
            self.busy.eq(heads != 0),
            self.tile.valid.eq(self.busy & (settle == 0) & ~(use_q & (here_q == 0)) & ~(use_k & (here_k == 0))),
            go.eq(self.tile.valid & self.tile.ready),
            self.end.eq(go & last),
        ]
        m.d.sync += [
            here_q.eq(here_q + (self.event == Event.A) - (go & use_q)),
            here_k.eq(here_k + (self.event == Event.B) - (go & use_k)),
        ]
        first_reach = Signal.like(reach)
        m.d.comb += first_reach.eq(command.seq_kv - command.seq_q + 1)
        with m.If(settle != 0):
            m.d.sync += [settle.eq(settle - 1), left.eq(self.keys), reach_here.eq(reach)]
        with m.If(go):
            m.d.sync += [
                begun.eq(1),
                left.eq(left - g.cols),
                reach_here.eq(reach_here - g.cols),
                b_word.eq(b_word + words),
                group.eq(group + g.parts),
            ]
        with m.If(self.end):
            next_upper = upper ^ q.last
            m.d.sync += [
                begun.eq(0),
                settle.eq(_SETTLE),
                group.eq(0),
                buffer.eq(~buffer),
                upper.eq(next_upper),
                b_word.eq(Mux(next_upper, g.b_half, 0)),
                heads.eq(heads - q.last),
                reach.eq(Mux(q.last, first_reach, reach + g.rows)),
            ]
        with m.If(self.start):
            m.d.sync += [
                heads.eq(command.heads),
                upper.eq(0),
                buffer.eq(0),
                begun.eq(0),
                settle.eq(_SETTLE),
                b_word.eq(0),
                group.eq(0),
                reach.eq(first_reach),
                here_q.eq(0),
                here_k.eq(0),
            ]
        return m
