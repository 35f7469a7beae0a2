"""What a GEMM loads, in order.

The resident operand R (B, or A with A_RESIDENT) is read once, in blocks of as many tiles as half its banks hold; the
streamed operand S is read once per block of R. Per block: R0, S0, R1 .. Rn-1, S1 .. : the first product starts after
two tiles, and S flows while the array works through the block. The loads run ahead as far as the rings have room; a
ring holds two blocks, so the next block of R arrives during the present one.

Memory traffic in bytes: R + S * ceil(tiles of R / tiles of a block), plus the column parameters as often as B.
"""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.utils import exact_log2

from gatewright.spec.commands import GEMM
from gatewright.spec.tiling import BLOCK_TILES
from gatewright_hw.bus.ports import ADDRESS_BITS
from gatewright_hw.engines.gemm.control import LoadsSignature
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Target, words
from gatewright_hw.engines.gemm.product_walks import product_walks
from gatewright_hw.engines.interface import command_layout

__all__ = ["ProductLoads"]

_PARAM_BYTES = 8
_SETTLE = 2
"""Cycles from a step of a walk to the size of its load."""


class ProductLoads(wiring.Component):
    """The loads of GEMM commands, at most one in five cycles; members as in :class:`.control.LoadsSignature`.

    A release frees the place of one tile in a ring.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        super().__init__(LoadsSignature(geometry))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        command = command_layout(GEMM)(self.command)
        transposed, a_resident, params = command.flags.b_kn, command.flags.a_resident, command.flags.params
        a, b, pitch = product_walks(m, g, command, self.start)
        room_a = Signal(range(2 * BLOCK_TILES + 1))  # free places in the rings
        room_b = Signal(range(2 * BLOCK_TILES + 1))
        sent_a = Signal()
        sent_b = Signal()
        for walk, room, sent, release in (
            (a, room_a, sent_a, self.release_a),
            (b, room_b, sent_b, self.release_b),
        ):
            m.d.sync += room.eq(room + release - Mux(sent, self.job.payload.tiles, 0))
            with m.If(self.start):
                m.d.sync += room.eq(walk.per_half << 1)

        # One load of B: a tile, or when transposed all tiles up to the end of the half, so that a row of B is a long
        # burst. Both follow the walk by _SETTLE cycles.
        b_cols = Signal(range(BLOCK_TILES * g.cols + 1))
        b_tiles = Signal(range(BLOCK_TILES + 1))
        b_fit = Signal.like(b_cols)
        b_addr = Signal(ADDRESS_BITS)  # transposed: the tile's first column
        m.d.comb += b_fit.eq(Mux(transposed, b.room * Const(g.cols), g.cols))
        m.d.sync += [
            b_cols.eq(Mux(b.left <= b_fit, b.left, b_fit)),
            b_tiles.eq((b_cols + g.cols - 1) >> exact_log2(g.cols)),
        ]
        with m.If(self.start | b.rewind):
            m.d.sync += b_addr.eq(command.b_addr)
        with m.Elif(b.advance):
            m.d.sync += b_addr.eq(b_addr + g.cols)

        job = self.job.payload
        load_b = Signal()
        load_params = Signal()
        m.d.comb += [job.tiles.eq(1), job.restart.eq(a.fresh), job.pitch.eq(pitch), job.beats.eq(pitch)]
        with m.If(load_params):
            m.d.comb += [
                job.target.eq(Target.PARAMS),
                job.restart.eq(b.fresh),
                job.addr.eq(command.params_addr),
                job.stride.eq(b_cols * Const(_PARAM_BYTES)),
                job.rows.eq(1),
                job.beats.eq(b_cols),
                job.word.eq(b.slot * Const(g.parts)),
                job.event.eq(Event.NONE),
            ]
        with m.Elif(load_b):
            m.d.comb += [
                job.target.eq(Target.B),
                job.transposed.eq(transposed),
                job.restart.eq(b.fresh | transposed),
                job.addr.eq(b_addr),
                job.stride.eq(command.b_stride),
                job.rows.eq(Mux(transposed, command.k, b.count)),
                job.word.eq(b.word),
                job.event.eq(Event.B),
                job.tiles.eq(b_tiles),
            ]
            with m.If(transposed):
                m.d.comb += job.beats.eq(words(b_cols))
        with m.Else():
            m.d.comb += [
                job.target.eq(Target.A),
                job.addr.eq(command.a_addr),
                job.stride.eq(command.a_stride),
                job.rows.eq(a.count),
                job.word.eq(a.word),
                job.event.eq(Event.A),
            ]

        streaming = Signal()  # the load is of S
        started = Signal()  # the block has its first tile of S
        params_sent = Signal()
        tiles = Signal.like(b_tiles)
        r_left = Mux(a_resident, a.left, b.left)
        s_left = Mux(a_resident, b.left, a.left)
        r_whole = Signal()  # the block has all its tiles of R
        settle = Signal(range(_SETTLE))
        m.d.comb += load_b.eq(streaming == a_resident)
        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [streaming.eq(0), started.eq(0), r_whole.eq(0), params_sent.eq(0)]
                m.next = "SETTLE"
            with m.State("SETTLE"):
                m.d.sync += settle.eq(settle + 1)
                with m.If(settle == _SETTLE - 1):
                    m.d.sync += settle.eq(0)
                    m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += [
                    load_params.eq(load_b & params & ~params_sent),
                    self.job.valid.eq(Mux(load_b, room_b >= b_tiles, room_a != 0)),
                ]
                with m.If(self.job.valid & self.job.ready):
                    with m.If(load_params):
                        m.d.sync += params_sent.eq(1)
                    with m.Else():
                        m.d.comb += [sent_a.eq(~load_b), sent_b.eq(load_b)]
                        m.d.sync += [params_sent.eq(0), tiles.eq(job.tiles)]
                        m.next = "ADVANCE"
            with m.State("ADVANCE"):
                m.d.comb += [a.advance.eq(~load_b), b.advance.eq(load_b)]
                m.d.sync += tiles.eq(tiles - 1)
                with m.If(~streaming):
                    m.d.sync += r_whole.eq(Mux(a_resident, (a.room == 1) | a.last, (b.room == 1) | b.last))
                with m.If(tiles == 1):
                    m.next = "CHOOSE"
            with m.State("CHOOSE"):
                m.next = "SETTLE"
                with m.If(~started):
                    m.d.sync += [started.eq(1), streaming.eq(1)]
                with m.Elif(~r_whole):
                    m.d.sync += streaming.eq(0)
                with m.Elif(s_left != 0):
                    m.d.sync += streaming.eq(1)
                with m.Elif(r_left != 0):
                    m.d.comb += [a.rewind.eq(~a_resident), b.rewind.eq(a_resident)]
                    m.d.sync += [streaming.eq(0), started.eq(0), r_whole.eq(0)]
                with m.Else():
                    m.next = "IDLE"
        return m
