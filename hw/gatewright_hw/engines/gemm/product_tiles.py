"""The tiles of a GEMM, in order: for each block of the resident operand R, for each tile of the streamed operand S,
for each tile of the block, one tile of C. See :mod:`.product_loads` for the order in which their operands come.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from gatewright.spec.commands import GEMM
from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.bus.ports import ADDRESS_BITS
from gatewright_hw.engines.gemm.control import TilesSignature
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Kind, Width
from gatewright_hw.engines.gemm.product_walks import product_walks
from gatewright_hw.engines.interface import command_layout

__all__ = ["ProductTiles"]


class ProductTiles(wiring.Component):
    """The tiles of GEMM commands, up to one a cycle.

    Members
    -------
    width : Width, in; of C in memory.
    tiles : range(BLOCK_TILES + 1), in; tiles that have arrived with ``event``.
    others : as in :class:`.control.TilesSignature`.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        super().__init__(TilesSignature(geometry, width=In(Width), tiles=In(range(BLOCK_TILES + 1))))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        command = command_layout(GEMM)(self.command)
        a_resident = command.flags.a_resident
        a, b, _ = product_walks(m, g, command, self.start)
        ready_a = Signal(range(2 * BLOCK_TILES + 1))  # tiles that have arrived and that no tile of C has used yet
        ready_b = Signal(range(2 * BLOCK_TILES + 1))
        use_a, use_b = Signal(), Signal()
        for ready, use, event in ((ready_a, use_a, Event.A), (ready_b, use_b, Event.B)):
            m.d.sync += ready.eq(ready + Mux(self.event == event, self.tiles, 0) - use)

        # Which operand moves: R with every tile, S at the end of a block.
        begun = Signal()  # not the first tile of the block
        first_pass = Signal()  # the block meets its first tile of S
        r_last, s_last, r_end = Signal(), Signal(), Signal()
        go = Signal()
        m.d.comb += [
            r_last.eq(Mux(a_resident, a.last, b.last)),
            r_end.eq(r_last | (Mux(a_resident, a.room, b.room) == 1)),
            s_last.eq(Mux(a_resident, b.last, a.last)),
        ]
        use_r, use_s = first_pass, ~begun
        need_a, need_b = Mux(a_resident, use_r, use_s), Mux(a_resident, use_s, use_r)
        m.d.comb += [use_a.eq(go & need_a), use_b.eq(go & need_b)]
        for walk, resident in ((a, a_resident), (b, ~a_resident)):
            m.d.comb += [
                walk.advance.eq(go & Mux(resident, ~r_end | s_last, r_end)),
                walk.back.eq(go & resident & r_end & ~s_last),
                walk.rewind.eq(go & ~resident & r_end & s_last),
            ]

        # Address of the tile of C by running sums, with a step in bytes for R and for S.
        row_step = Signal(ADDRESS_BITS)
        col_step = Const(g.cols) << self.width
        r_step, s_step = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        m.d.comb += [
            row_step.eq(command.c_stride << exact_log2(g.rows)),
            r_step.eq(Mux(a_resident, row_step, col_step)),
            s_step.eq(Mux(a_resident, col_step, row_step)),
        ]
        addr = Signal(ADDRESS_BITS)  # of this tile
        addr_s = Signal(ADDRESS_BITS)  # of the block's first tile at this tile of S
        addr_next = Signal(ADDRESS_BITS)  # of the next block's first tile

        tile = self.tile.payload
        m.d.comb += [
            tile.kind.eq(Kind.GEMM),
            tile.a_word.eq(a.word),
            tile.b_word.eq(b.word),
            tile.steps.eq(command.k),
            tile.release_a.eq(Mux(a_resident, s_last, r_end)),
            tile.release_b.eq(Mux(a_resident, r_end, s_last)),
            tile.rows.eq(a.count),
            tile.cols.eq(b.count),
            tile.addr.eq(addr),
            tile.slot.eq(b.slot),
            tile.column.eq(command.n - b.left),
            self.tile.valid.eq(self.busy & ~(need_a & (ready_a == 0)) & ~(need_b & (ready_b == 0))),
            go.eq(self.tile.valid & self.tile.ready),
        ]
        with m.If(go):
            m.d.sync += [addr.eq(addr + r_step), begun.eq(~r_end)]
            with m.If(r_end):
                m.d.sync += [addr.eq(addr_s + s_step), addr_s.eq(addr_s + s_step), first_pass.eq(0)]
                with m.If(first_pass):
                    m.d.sync += addr_next.eq(addr + r_step)
                with m.If(s_last):
                    following = Mux(first_pass, addr + r_step, addr_next)
                    m.d.sync += [addr.eq(following), addr_s.eq(following), first_pass.eq(1), self.busy.eq(~r_last)]
        with m.If(self.start):
            m.d.sync += [
                self.busy.eq(1),
                begun.eq(0),
                first_pass.eq(1),
                addr.eq(command.c_addr),
                addr_s.eq(command.c_addr),
                ready_a.eq(0),
                ready_b.eq(0),
            ]
        return m
