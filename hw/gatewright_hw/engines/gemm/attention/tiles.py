"""The tiles of an attention, in order: score items one ahead of value items, across heads: S0 S1 V0 S2 V1 ..

So the softmax of one tile of queries works while the array computes the scores of the next. The order also keeps the
two score buffers and the two buffers of weights apart: an item's buffer is written again only after its value item
has been issued.
"""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import COMMAND_BYTES
from gatewright_hw.engines.gemm.attention.scores import ScoreItems
from gatewright_hw.engines.gemm.attention.values import ValueItems
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Width

__all__ = ["AttentionTiles"]

_AHEAD = 2
"""Score items whose value item is still to come: one in the softmax, one on the array."""


class AttentionTiles(wiring.Component):
    """Members.

    command : the command, stable while busy. start : begin. width : of O.
    event : from the loader, what has arrived. softmax_done : the weights of an item are in A's banks.
    tile : the tiles.
    busy : tiles are left.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        super().__init__(
            {
                "command": In(8 * COMMAND_BYTES),
                "start": In(1),
                "width": In(Width),
                "event": In(Event),
                "softmax_done": In(1),
                "tile": Out(stream.Signature(g.tile)),
                "busy": Out(1),
            }
        )

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
