"""AXI4-Lite slaves: an answer for every access, and the interrupt controller's line."""

from __future__ import annotations

from amaranth.hdl import Assert, Cat, Cover, Module, Mux, Signal
from amaranth.lib import wiring

from gatewright.spec.config import get_config
from gatewright.spec.interrupt_controller import interrupt_register
from gatewright_hw import register_block
from gatewright_hw.boards import interrupt_controller
from gatewright_hw.boards.interrupt_controller import InterruptController
from gatewright_hw.register_block import RegisterBlock
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.internals import opened, register
from gatewright_sim.formal.lite_rules import lite_slave
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.properties import past, waited

__all__ = ["CONFIG", "TABLE", "slave_rules"]

CONFIG = get_config("tiny")
LATENCY = 2


def slave_rules(harness: Harness, m: Module) -> None:
    """AXI4-Lite's, and how these slaves keep them: address and data are taken together, the answer comes in the next
    cycle."""
    bus = harness.part.bus
    traffic = lite_slave(m, bus, LATENCY)
    if harness.invariants:
        m.d.comb += [
            Assert((traffic.write_address == bus.bvalid) & (traffic.write_data == bus.bvalid)),
            Assert(traffic.read == bus.rvalid),
        ]


class LiteSlaveHarness(Harness):
    """A slave, under any number of overlapping accesses."""

    def __init__(self, part: wiring.Component) -> None:
        super().__init__(part)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        bus = self.part.bus
        slave_rules(self, m)
        held = waited(m, bus.bvalid & ~bus.bready & bus.awvalid & bus.wvalid, 3)
        reads = waited(m, bus.rvalid & ~bus.rready & bus.arvalid, 3)
        m.d.comb += [
            Cover((held == 3) & bus.bready),
            Cover((reads == 3) & bus.rready),
        ]
        return m


class InterruptControllerHarness(Harness):
    """The line is the interrupt's until software takes over, and what software says from then on."""

    def __init__(self) -> None:
        super().__init__(InterruptController())

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part, bus = self.part, self.part.bus
        slave_rules(self, m)
        touched, ier, mer = Signal(), Signal(), Signal(2)
        bit = bus.wdata[0]
        with m.If(bus.awvalid & bus.awready & bus.wstrb[0]), m.Switch(bus.awaddr[2:]):
            for name, effect in {
                "IER": ier.eq(bit),
                "SIE": ier.eq(ier | bit),
                "CIE": ier.eq(ier & ~bit),
                "MER": mer.eq(bus.wdata),
            }.items():
                with m.Case(interrupt_register(name).offset >> 2):
                    m.d.sync += [touched.eq(1), effect]
        if self.invariants:
            inside = opened(part)
            transparent, enabled = register(inside, "transparent"), register(inside, "enabled")
            chosen = Cat(register(inside, "master"), register(inside, "looks"))
            m.d.comb += Assert((transparent == ~touched) & (enabled == ier) & (chosen == mer))
        line = part.interrupt & Mux(touched, ier & mer.all(), 1)
        m.d.comb += [Assert(part.irq == past(m, line)), Cover(part.irq & touched)]
        return m


_OVERLAP = "& ~(bus.bvalid & ~bus.bready)"

TABLE = (
    *(
        Proof(
            f"axi_lite_{name}",
            f"the {text} answers every access once, whatever overlaps, and nothing else",
            lambda make=make: LiteSlaveHarness(make()),  # type: ignore[misc]
            Mode.INDUCTIVE,
            10,
            (
                Bug("a write is taken while the answer to the last one waits", module, _OVERLAP, ""),
                Bug(
                    "an answer is withdrawn",
                    module,
                    "with m.If(bus.bready):\n            m.d.sync += bus.bvalid.eq(0)",
                    "m.d.sync += bus.bvalid.eq(0)",
                ),
            ),
        )
        for name, text, make, module in (
            ("registers", "register block", lambda: RegisterBlock(CONFIG), register_block),
            ("interrupts", "interrupt controller", InterruptController, interrupt_controller),
        )
    ),
    Proof(
        "interrupt_controller",
        "the line is transparent until software writes, and from then on what software says",
        InterruptControllerHarness,
        Mode.INDUCTIVE,
        8,
        (Bug("it stays transparent", interrupt_controller, "[transparent.eq(0), *effect]", "effect"),),
    ),
)
