"""The AXI master between free requesters and a free slave."""

from __future__ import annotations

from amaranth.hdl import Assume, Cat, Module

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.master import AxiMaster
from gatewright_hw.bus.ports import LEN_BITS, WORD_LSB
from gatewright_sim.formal.axi_rules import AxiTraffic, axi_master, is_legal
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.properties import stays_until_taken

__all__ = ["OUTSTANDING", "MasterHarness"]

OUTSTANDING = 2


PLACE_BITS = 10
"""Of a free address: a page's words, and one bit more. The other bits are 0; nothing looks at them."""
DATA_BITS = 3
"""Of free data, likewise."""


class MasterHarness(Harness):
    """A master between requesters that ask for legal bursts of 1, 2, 15 and 16 beats and keep what they offer, and a
    slave that keeps the rules.

    The two directions share no register but ``quiet``: the solver has one at a time, and the other one rests.
    """

    def __init__(self, reads: bool = True, writes: bool = True) -> None:
        free = {"place": 2 * PLACE_BITS, "length": 4, "data": DATA_BITS, "strobe": 1, "pick_burst": 1, "pick_beat": 1}
        super().__init__(AxiMaster(OUTSTANDING), **free)
        self._reads, self._writes = reads, writes

    def _traffic(self, m: Module) -> AxiTraffic:
        part = self.part
        for index, (stream, wanted) in enumerate(((part.read.ar, self._reads), (part.write.aw, self._writes))):
            low, high = self.length.word_select(index, 2)
            m.d.comb += [
                stream.payload.len.eq(Cat(low, high.replicate(LEN_BITS - 1))),
                stream.payload.addr.eq(self.place.word_select(index, PLACE_BITS) << WORD_LSB),
                Assume(stays_until_taken(m, stream.valid, stream.ready, stream.payload)),
                Assume(~stream.valid | (is_legal(stream.payload.addr, stream.payload.len) & wanted)),
            ]
        beats = part.write.w
        m.d.comb += [
            part.axi.rdata.eq(self.data),
            beats.payload.data.eq(self.data),
            beats.payload.strb.eq(self.strobe.replicate(BUS_BYTES)),
            Assume(stays_until_taken(m, beats.valid, beats.ready, beats.payload)),
        ]
        return axi_master(m, part.axi, OUTSTANDING)
