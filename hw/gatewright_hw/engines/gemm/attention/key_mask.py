"""Key mask: which keys of an attention may be attended to, ``lanes`` bits at a time."""

from __future__ import annotations

from amaranth.hdl import Module, Mux
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.engines.gemm.geometry import WORD_BYTES, Geometry

__all__ = ["KeyMask"]

_WORD_BITS = 8 * WORD_BYTES


class KeyMask(wiring.Component):
    """Memory of max_seq bits, written by words and read by groups.

    Members
    -------
    write, word, bits : 1, range(words) and 64 bits, in; store ``bits`` at ``word``.
    enabled : 1, in; otherwise every key is allowed.
    group : range(groups), in.
    allowed : ``lanes`` bits, out; those of ``group``, in the same cycle.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        self._words = -(-g.config.max_seq // _WORD_BITS)
        super().__init__(
            {
                "write": In(1),
                "word": In(range(self._words)),
                "bits": In(_WORD_BITS),
                "enabled": In(1),
                "group": In(range(g.groups)),
                "allowed": Out(g.lanes),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        per_word = _WORD_BITS // g.lanes
        m.submodules.mask = mask = memory.Memory(shape=_WORD_BITS, depth=self._words, init=[])
        store = mask.write_port()
        read = mask.read_port(domain="comb")
        m.d.comb += [
            store.addr.eq(self.word),
            store.data.eq(self.bits),
            store.en.eq(self.write),
            read.addr.eq(self.group // per_word),
            self.allowed.eq(
                Mux(self.enabled, read.data.word_select(self.group % per_word, g.lanes), (1 << g.lanes) - 1)
            ),
        ]
        return m
