"""The tiles of an attention, in order: score items one ahead of value items, across heads: S0 S1 V0 S2 V1 ..

So the softmax of one tile of queries works while the array computes the scores of the next. The order also keeps the
two score buffers and the two buffers of weights apart: an item's buffer is written again only after its value item
has been issued.
"""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

from gatewright_hw.engines.gemm.attention.scores import ScoreItems
from gatewright_hw.engines.gemm.attention.values import ValueItems
from gatewright_hw.engines.gemm.control import TilesSignature
from gatewright_hw.engines.gemm.geometry import Geometry, Width

__all__ = ["AttentionTiles"]

_AHEAD = 2
"""Score items whose value item is still to come: one in the softmax, one on the array."""


class AttentionTiles(wiring.Component):
    """The tiles of ATTENTION commands, up to one a cycle.

    Members
    -------
    width : Width, in; of O.
    softmax_done : 1, in; the weights of an item are in A's banks, in this cycle.
    others : as in :class:`..control.TilesSignature`.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        super().__init__(TilesSignature(geometry, width=In(Width), softmax_done=In(1)))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        m.submodules.scores = scores = ScoreItems(g)
        m.submodules.values = values = ValueItems(g)
        ahead = Signal(range(_AHEAD + 1))
        keys = Signal(data.ArrayLayout(g.length, 2))  # of the item in each buffer
        write_buffer = Signal()
        for items in (scores, values):
            m.d.comb += [items.command.eq(self.command), items.start.eq(self.start), items.event.eq(self.event)]
        m.d.comb += [
            values.width.eq(self.width),
            values.softmax_done.eq(self.softmax_done),
            values.keys.eq(keys[values.buffer]),
            self.busy.eq(values.busy),
        ]
        with m.If(scores.busy & (ahead != _AHEAD)):
            wiring.connect(m, scores.tile, wiring.flipped(self.tile))
        with m.Else():
            wiring.connect(m, values.tile, wiring.flipped(self.tile))
        m.d.sync += ahead.eq(ahead + scores.end - values.end)
        with m.If(scores.end):
            m.d.sync += [keys[write_buffer].eq(scores.keys), write_buffer.eq(~write_buffer)]
        with m.If(self.start):
            m.d.sync += [ahead.eq(0), write_buffer.eq(0)]
        return m
