"""The AXI master as requesters see it: data, answers and errors that are not lost."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Mux, Signal, Value

from gatewright_hw.bus import master as master_module
from gatewright_hw.bus.axi import Resp
from gatewright_hw.bus.ports import LEN_BITS
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.proofs.free_master import MasterHarness
from gatewright_sim.formal.properties import follow, past

__all__ = ["TABLE"]


class DataHarness(MasterHarness):
    """What requesters see: bursts, beats and answers pass in order; an error is remembered until it is cleared, even
    one that comes in the cycle of the clearing."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        axi, read, write = part.axi, part.read, part.write
        self._traffic(m)
        m.d.comb += Assume(~part.drain)
        port, channel = (read.ar, "ar") if self._reads else (write.aw, "aw")
        addr, length, valid, ready = (getattr(axi, channel + name) for name in ("addr", "len", "valid", "ready"))
        out = Cat(addr, length[:LEN_BITS])
        follow(m, self.pick_burst, port.valid & port.ready, port.payload, valid, valid & ready, out, 2)
        if self._reads:
            answered, resp = axi.rvalid & axi.rready, axi.rresp
            beats = (answered, axi.rdata, read.r.valid, read.r.valid & read.r.ready, read.r.payload)
        else:
            answered, resp, sent = axi.bvalid & axi.bready, axi.bresp, axi.wvalid & axi.wready
            beats = (write.w.valid & write.w.ready, write.w.payload, axi.wvalid, sent, Cat(axi.wdata, axi.wstrb))
            m.d.comb += Assert(write.b == past(m, answered))
        follow(m, self.pick_beat, *beats, 2)
        kept = Signal(2)
        seen = Cat(answered & (resp == Resp.SLVERR), answered & (resp == Resp.DECERR))
        m.d.sync += kept.eq(Mux(part.clear, 0, kept) | seen)
        m.d.comb += [
            Assert(Value.cast(part.errors) == (kept if self._reads else kept << 2)),
            Cover((kept != 0) & past(m, part.clear)),
        ]
        return m


TABLE = (
    Proof(
        "axi_master_read_data",
        "bursts and beats pass in order; an error in the very cycle of its clearing is kept",
        lambda: DataHarness(writes=False),
        Mode.BOUNDED,
        22,
        (
            Bug(
                "an error in the cycle of its clearing is lost",
                master_module,
                "m.If(valid & (resp == Resp.SLVERR))",
                "m.If(valid & (resp == Resp.SLVERR) & ~self.clear)",
            ),
            Bug("beats are taken without room", master_module, "axi.rready.eq(beats.i.ready)", "axi.rready.eq(1)"),
        ),
    ),
    Proof(
        "axi_master_write_data",
        "bursts, beats and answers pass in order; an error in the very cycle of its clearing is kept",
        lambda: DataHarness(reads=False),
        Mode.BOUNDED,
        22,
        (
            Bug(
                "a write that failed is never acknowledged",
                master_module,
                "answered & ~self.drain)",
                "answered & ~self.drain & ~axi.bresp[1])",
            ),
            Bug(
                "a new error brings back the one that is cleared",
                master_module,
                "m.d.sync += slverr.eq(1)",
                "m.d.sync += [slverr.eq(1), decerr.eq(decerr)]",
            ),
        ),
    ),
)
