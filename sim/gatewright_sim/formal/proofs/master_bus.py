"""The AXI master as the bus sees it: it keeps the rules of AXI4, and comes to rest when it is drained."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Signal

from gatewright_hw.bus import master as master_module
from gatewright_sim.formal.axi_rules import AxiTraffic
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.proofs.free_master import MasterHarness
from gatewright_sim.formal.properties import past, waited

__all__ = ["TABLE"]


class BusHarness(MasterHarness):
    """What the other side of the bus sees, under any drain; and that the master knows when the bus is at rest."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        axi = part.axi
        traffic = self._traffic(m)
        whole = Signal()  # a burst of 16 beats has ended
        drained = waited(m, part.drain & axi.wready, 2)  # what came before may still stand in a register's two places
        m.d.comb += [
            Assume(part.drain | ~past(m, part.drain)),  # it ends with a reset
            Assert(~part.quiet | ~(traffic.is_open | axi.arvalid | axi.awvalid | axi.wvalid)),
            Assert((drained < 2) | (axi.wstrb == 0)),
        ]
        lengths = traffic.reads if self._reads else traffic.writes
        valid, resp = (axi.rvalid, axi.rresp) if self._reads else (axi.bvalid, axi.bresp)
        with m.If(lengths.ends & (lengths.first == 15)):
            m.d.sync += whole.eq(1)
        m.d.comb += Cover(whole & valid & resp[1])
        return m


def _fair(m: Module, part: Any, traffic: AxiTraffic) -> None:
    """A slave that takes and answers everything in the second cycle at the latest."""
    axi = part.axi
    for valid, ready in ((axi.arvalid, axi.arready), (axi.awvalid, axi.awready), (axi.wvalid, axi.wready)):
        m.d.comb += Assume(waited(m, valid & ~ready, 1) < 1)
    m.d.comb += [
        Assume(waited(m, (traffic.reads.count != 0) & ~axi.rvalid, 1) < 1),
        Assume(waited(m, (traffic.unanswered != 0) & ~axi.bvalid, 1) < 1),
    ]


class ProgressHarness(MasterHarness):
    """With a fair memory, and requesters that give and take their data in the second cycle at the latest, something
    moves as long as anything is to do: no deadlock."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        traffic = self._traffic(m)
        _fair(m, part, traffic)
        axi = part.axi
        moves = Cat(getattr(axi, f"{name}valid") & getattr(axi, f"{name}ready") for name in ("ar", "aw", "w", "r", "b"))
        asks = part.read.ar.valid | part.write.aw.valid
        still = waited(m, (~part.quiet | asks) & ~moves.any(), STILL_CYCLES)
        m.d.comb += [
            Assume(~part.drain),
            Assume(waited(m, ~part.write.w.valid, 1) < 1),
            Assume(waited(m, ~part.read.r.ready, 1) < 1),
            Assert(still < STILL_CYCLES),
            Cover(asks & past(m, past(m, axi.rlast if self._reads else axi.bvalid)) & (still != 0)),
        ]
        return m


class DrainHarness(MasterHarness):
    """With a fair memory, whatever the requesters do, a drained bus comes to rest."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        traffic = self._traffic(m)
        _fair(m, part, traffic)
        m.d.comb += [
            Assume(part.drain | ~past(m, part.drain)),
            Assume((self.length & 0b1010) == 0),
        ]
        rest = waited(m, part.drain, REST_CYCLES)
        m.d.comb += [
            Assert((rest < REST_CYCLES) | part.quiet),
            Cover((rest == 4) & (traffic.writes.count != 0) & (traffic.reads.count != 0)),
        ]
        return m


STILL_CYCLES = 6
"""Of pauses of two cycles each, three come together at most."""
REST_CYCLES = 20
"""Two bursts of two beats in each direction take less, with every handshake in the second cycle."""


TABLE = (
    Proof(
        "axi_master_read_bus",
        "reads keep the rules of AXI4, drained or not; the bus is called quiet only when it is",
        lambda: BusHarness(writes=False),
        Mode.BOUNDED,
        22,
        (
            Bug(
                "more bursts than allowed",
                master_module,
                "(pending != self._outstanding)",
                "(pending != self._outstanding + 1)",
            ),
            Bug(
                "quiet while a read is not answered",
                master_module,
                "return open_reads | beats.o.valid",
                "return axi.arvalid",
            ),
        ),
    ),
    Proof(
        "axi_master_write_bus",
        "writes keep the rules of AXI4, drained or not; the bus is called quiet only when it is",
        lambda: BusHarness(reads=False),
        Mode.BOUNDED,
        22,
        (
            Bug("last is a beat early", master_module, "beat == lengths.o.payload", "beat + 1 == lengths.o.payload"),
            Bug(
                "data before their address",
                master_module,
                "lengths.i.valid.eq(announced)",
                "lengths.i.valid.eq(axi.awvalid)",
            ),
            Bug("a length is lost", master_module, "max(self._outstanding, 3)", "self._outstanding"),
            Bug("quiet while a write is not answered", master_module, "return open_writes", "return axi.awvalid"),
            Bug(
                "drained beats are written",
                master_module,
                "Mux(self.drain, 0, self.write.w.payload.strb)",
                "self.write.w.payload.strb",
            ),
        ),
    ),
    *(
        Proof(
            f"axi_master_{name}_progress",
            "with a fair memory something moves as long as anything is to do",
            lambda options=options: ProgressHarness(**options),  # type: ignore[misc]
            Mode.BOUNDED,
            18,
            (
                Bug(
                    "a burst that has ended keeps its place",
                    master_module,
                    "pending.eq(pending + taken - closed)",
                    "pending.eq(pending + taken)",
                ),
            ),
        )
        for name, options in (("read", {"writes": False}), ("write", {"reads": False}))
    ),
    Proof(
        "axi_master_drain",
        "with a fair memory, a drained bus comes to rest, whatever state the requesters are in",
        DrainHarness,
        Mode.BOUNDED,
        REST_CYCLES + 8,
        (
            Bug(
                "announced writes wait for their data",
                master_module,
                "(self.write.w.valid | self.drain)",
                "self.write.w.valid",
            ),
        ),
    ),
)
