"""The array tiles of e V: for each head and each tile of queries, one array tile per ``cols`` columns of the head."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.commands import ATTENTION
from gatewright_hw.bus.ports import ADDRESS_BITS
from gatewright_hw.engines.gemm.control import TilesSignature
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Kind, Width, words
from gatewright_hw.engines.gemm.tile_walk import SIZE_BITS
from gatewright_hw.engines.interface import command_layout

__all__ = ["ValueItems"]


class ValueItems(wiring.Component):
    """Items of values, up to a tile a cycle: an item is one tile of queries of one head. The buffer of the first item
    is 0, then they alternate.

    Members
    -------
    width : Width, in; of O.
    softmax_done : 1, in; the weights of an item are in A's banks, in this cycle.
    buffer : 1, out; of the present item.
    keys : geometry.length, in; of the item in ``buffer``.
    end : 1, out; the last tile of an item goes in this cycle.
    others : as in :class:`..control.TilesSignature`.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        more = {"width": In(Width), "softmax_done": In(1), "keys": In(geometry.length), "buffer": Out(1), "end": Out(1)}
        super().__init__(TilesSignature(geometry, **more))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        command = command_layout(ATTENTION)(self.command)
        tile = self.tile.payload

        heads = Signal(16)  # left, with this one
        upper = Signal()  # half of B's banks
        rows_left = Signal(SIZE_BITS)
        cols_left = Signal(command.head_dim.shape())
        begun = Signal()  # not the first tile of the item
        fresh = Signal()  # first item of the head
        b_word = Signal.like(tile.b_word)
        addr = Signal(ADDRESS_BITS)  # of this array tile's output
        addr_item = Signal(ADDRESS_BITS)  # of the item's first column
        addr_head = Signal(ADDRESS_BITS)  # of the head's first row
        last, last_item = Signal(), Signal()
        go = Signal()
        wide = self.width == Width.INT16

        here_v = Signal(range(3))
        here_e = Signal(range(3))
        use_e, use_v = ~begun, ~begun & fresh
        m.d.comb += [
            last.eq(cols_left <= g.cols),
            last_item.eq(rows_left <= g.rows),
            tile.kind.eq(Kind.VALUE),
            tile.a_word.eq(Mux(self.buffer, g.a_half + g.p_offset, g.p_offset)),
            tile.b_word.eq(b_word),
            tile.steps.eq(self.keys),
            tile.release_b.eq(last & last_item),
            tile.rows.eq(Mux(last_item, rows_left, g.rows)),
            tile.cols.eq(Mux(last, cols_left, g.cols)),
            tile.addr.eq(addr),
            tile.buffer.eq(self.buffer),
            self.busy.eq(heads != 0),
            self.tile.valid.eq(self.busy & ~(use_e & (here_e == 0)) & ~(use_v & (here_v == 0))),
            go.eq(self.tile.valid & self.tile.ready),
            self.end.eq(go & last),
        ]
        m.d.sync += [
            here_e.eq(here_e + self.softmax_done - (go & use_e)),
            here_v.eq(here_v + (self.event == Event.V) - (go & use_v)),
        ]

        next_upper = upper ^ last_item
        next_head = Signal(ADDRESS_BITS)
        next_item = Signal(ADDRESS_BITS)
        m.d.comb += [
            next_head.eq(addr_head + Mux(wide, command.head_dim << 1, command.head_dim)),
            next_item.eq(Mux(last_item, next_head, addr_item + (command.o_stride << exact_log2(g.rows)))),
        ]
        with m.If(go):
            m.d.sync += [
                begun.eq(1),
                cols_left.eq(cols_left - g.cols),
                b_word.eq(b_word + words(command.seq_kv)),
                addr.eq(addr + Mux(wide, 2 * g.cols, g.cols)),
            ]
        with m.If(self.end):
            m.d.sync += [
                begun.eq(0),
                fresh.eq(last_item),
                cols_left.eq(command.head_dim),
                self.buffer.eq(~self.buffer),
                upper.eq(next_upper),
                b_word.eq(Mux(next_upper, g.b_half, 0) + g.v_offset),
                rows_left.eq(Mux(last_item, command.seq_q, rows_left - g.rows)),
                heads.eq(heads - last_item),
                addr.eq(next_item),
                addr_item.eq(next_item),
            ]
            with m.If(last_item):
                m.d.sync += addr_head.eq(next_head)
        with m.If(self.start):
            m.d.sync += [
                heads.eq(command.heads),
                upper.eq(0),
                begun.eq(0),
                fresh.eq(1),
                rows_left.eq(command.seq_q),
                cols_left.eq(command.head_dim),
                b_word.eq(g.v_offset),
                addr.eq(command.o_addr),
                addr_item.eq(command.o_addr),
                addr_head.eq(command.o_addr),
                self.buffer.eq(0),
                here_e.eq(0),
                here_v.eq(0),
            ]
        return m
