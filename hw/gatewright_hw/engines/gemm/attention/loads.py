"""What an attention loads, in order: the key mask once; per head K, the first tile of Q, V, the further tiles of Q.

K and V of a head fill one half of B's banks (K below, V transposed above), hence the next head's arrive during the
present one. Tiles of Q pass through a ring in A's banks. Memory traffic: every operand once.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from gatewright.spec.commands import ATTENTION
from gatewright.spec.config import QUERY_TILES
from gatewright_hw.bus.ports import ADDRESS_BITS
from gatewright_hw.engines.gemm.control import LoadsSignature
from gatewright_hw.engines.gemm.geometry import WORD_LSB, Event, Geometry, Target, words
from gatewright_hw.engines.gemm.tile_walk import TileWalk
from gatewright_hw.engines.interface import command_layout

__all__ = ["AttentionLoads"]


class AttentionLoads(wiring.Component):
    """The loads of ATTENTION commands, up to one a cycle; members as in :class:`..control.LoadsSignature`.

    A release of A frees one tile of Q, a release of B K and V of one head.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        super().__init__(LoadsSignature(geometry))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        command = command_layout(ATTENTION)(self.command)
        m.submodules.q = q = TileWalk(g.rows, g.a_half)
        row_words = command.head_dim >> WORD_LSB  # of one head
        m.d.comb += [
            q.start.eq(self.start),
            q.total.eq(command.seq_q),
            q.per_half.eq(QUERY_TILES),
            q.pitch.eq(row_words),
        ]

        room_q = Signal(range(2 * QUERY_TILES + 1))
        room_kv = Signal(range(3))
        heads = Signal(16)  # left, with this one
        offset = Signal(ADDRESS_BITS)  # of this head in a row, bytes
        upper = Signal()  # half of B's banks
        half = Mux(upper, g.b_half, 0)
        sent_k, sent_q = Signal(), Signal()
        m.d.sync += [room_q.eq(room_q + self.release_a - sent_q), room_kv.eq(room_kv + self.release_b - sent_k)]

        job = self.job.payload
        sent = self.job.valid & self.job.ready
        m.d.comb += [
            job.restart.eq(1),
            job.rows.eq(command.seq_kv),
            job.beats.eq(row_words),
            job.pitch.eq(row_words),
            job.tiles.eq(1),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [
                    room_q.eq(2 * QUERY_TILES),
                    room_kv.eq(2),
                    heads.eq(command.heads),
                    offset.eq(0),
                    upper.eq(0),
                ]
                m.next = "KEYS"
                with m.If(command.flags.key_mask):
                    m.next = "MASK"
            with m.State("MASK"):
                m.d.comb += [
                    job.target.eq(Target.MASK),
                    job.addr.eq(command.mask_addr),
                    job.rows.eq(1),
                    job.beats.eq(words((command.seq_kv + 7) >> 3)),
                    job.event.eq(Event.NONE),
                    self.job.valid.eq(1),
                ]
                with m.If(sent):
                    m.next = "KEYS"
            with m.State("KEYS"):
                m.d.comb += [
                    job.target.eq(Target.B),
                    job.addr.eq(command.k_addr + offset),
                    job.stride.eq(command.k_stride),
                    job.word.eq(half),
                    job.event.eq(Event.B),
                    self.job.valid.eq(room_kv != 0),
                    sent_k.eq(sent),
                ]
                with m.If(sent):
                    m.next = "QUERIES"
            with m.State("QUERIES"):
                m.d.comb += [
                    job.target.eq(Target.A),
                    job.restart.eq(q.fresh),
                    job.addr.eq(command.q_addr + offset),
                    job.stride.eq(command.q_stride),
                    job.rows.eq(q.count),
                    job.word.eq(q.word),
                    job.event.eq(Event.A),
                    self.job.valid.eq(room_q != 0),
                    sent_q.eq(sent),
                    q.advance.eq(sent),
                    q.rewind.eq(sent & q.last),
                ]
                with m.If(sent):
                    with m.If(q.fresh):
                        m.next = "VALUES"
                    with m.Elif(q.last):
                        m.next = "NEXT"
            with m.State("VALUES"):
                m.d.comb += [
                    job.target.eq(Target.B),
                    job.transposed.eq(1),
                    job.addr.eq(command.v_addr + offset),
                    job.stride.eq(command.v_stride),
                    job.word.eq(half + g.v_offset),
                    job.pitch.eq(words(command.seq_kv)),
                    job.event.eq(Event.V),
                    self.job.valid.eq(1),
                ]
                with m.If(sent):
                    # The only tile of Q went before V: the walk is at the first tile again.
                    m.next = "QUERIES"
                    with m.If(q.fresh):
                        m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += [heads.eq(heads - 1), offset.eq(offset + command.head_dim), upper.eq(~upper)]
                m.next = "KEYS"
                with m.If(heads == 1):
                    m.next = "IDLE"
        return m
