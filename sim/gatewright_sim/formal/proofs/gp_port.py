"""The adapter of a processing system's general-purpose port: it answers every access, since one that is not answered
holds the processor for ever."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal, Value

from gatewright_hw.boards import gp_port
from gatewright_hw.boards.gp_port import GpPort
from gatewright_hw.bus.axi import Axi3, Resp
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.internals import opened, register
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.properties import past, stays_until_taken, waited

__all__ = ["TABLE"]

WINDOW = range(0x4000_0000, 0x4000_4000)
ID_BITS = 2
SLAVE_LATENCY = 2
"""Most cycles in which the register block behind takes an access, and in which it answers."""
LATENCY = 2 * SLAVE_LATENCY + 3
"""Of the adapter, for each beat, with such a register block."""


class GpPortHarness(Harness):
    """Any burst at any time, to registers and elsewhere; data before their address, and with any mark of the last."""

    def __init__(self) -> None:
        super().__init__(GpPort(Axi3(ID_BITS, 32), WINDOW))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        port = self.part.port
        for name in ("aw", "ar"):
            fields = [getattr(port, name + field) for field in ("addr", "len", "size", "burst", "id")]
            valid, ready = getattr(port, f"{name}valid"), getattr(port, f"{name}ready")
            m.d.comb += Assume(stays_until_taken(m, valid, ready, *fields))
        m.d.comb += Assume(stays_until_taken(m, port.wvalid, port.wready, port.wdata, port.wstrb))
        begun = Signal()  # nothing is taken in the cycle after the reset
        m.d.sync += begun.eq(1)
        self._reads(m, begun)
        self._writes(m, begun)
        return m

    def _reads(self, m: Module, begun: Signal) -> None:
        """Each burst gets its beats with its ID, the last one marked, each soon, and nothing else is offered."""
        port, bus = self.part.port, self.part.bus
        taken, beat = port.arvalid & port.arready, port.rvalid & port.rready
        left, ident, outside = Signal(5), Signal(ID_BITS), Signal()
        with m.If(taken):
            m.d.sync += [left.eq(port.arlen + 1), ident.eq(port.arid), outside.eq(_is_outside(port.araddr))]
        with m.Elif(beat):
            m.d.sync += left.eq(left - 1)
        asked = Signal(2)  # of the registers, and not answered
        m.d.sync += asked.eq(asked + (bus.arvalid & bus.arready) - (bus.rvalid & bus.rready))
        m.d.comb += [
            Assume(waited(m, bus.arvalid & ~bus.arready, SLAVE_LATENCY) < SLAVE_LATENCY),
            Assume(waited(m, (asked != 0) & ~bus.rvalid, SLAVE_LATENCY) < SLAVE_LATENCY),
            Assume(~bus.rvalid | ((asked != 0) & (bus.rresp == Resp.OKAY))),
            Assume(stays_until_taken(m, bus.rvalid, bus.rready, bus.rdata)),
            Assert(stays_until_taken(m, bus.arvalid, bus.arready, bus.araddr)),
            Assert(~(bus.arvalid & outside)),
            Assert(stays_until_taken(m, port.rvalid, port.rready, port.rdata, port.rresp, port.rlast, port.rid)),
            Assert(~port.rvalid | ((left != 0) & (port.rlast == (left == 1)) & (port.rid == ident))),
            Assert(~port.rvalid | (port.rresp == Mux(outside, Resp.DECERR, Resp.OKAY))),
            Assert(port.arready == (begun & (left == 0))),
            Assert(waited(m, (left != 0) & ~port.rvalid, LATENCY) < LATENCY),
            Cover(beat & port.rlast & outside & past(m, past(m, beat))),
            Cover(beat & port.rlast & (port.rdata != 0)),
        ]
        if self.invariants:
            inside = opened(self.part)
            walk, window, block = _place(inside, "ar", "read")
            m.d.comb += [
                Assert((left == 0) | ((window == ~outside) & (block <= window) & (port.rid == ident))),
                Assert((left == 0) | (left == walk + 1)),
                Assert(asked == bus.rready),
                Assert(port.arready + port.rvalid + bus.arvalid + bus.rready <= 1),
            ]

    def _writes(self, m: Module, begun: Signal) -> None:
        """Each burst has as many beats taken as it announced, each soon, and then one answer with its ID."""
        port, bus = self.part.port, self.part.bus
        taken, beat, answered = port.awvalid & port.awready, port.wvalid & port.wready, port.bvalid & port.bready
        left, first, ident, outside, is_open = Signal(5), Signal(5), Signal(ID_BITS), Signal(), Signal()
        with m.If(taken):
            m.d.sync += [
                left.eq(port.awlen + 1),
                first.eq(port.awlen + 1),
                ident.eq(port.awid),
                outside.eq(_is_outside(port.awaddr)),
            ]
            m.d.sync += is_open.eq(1)
        with m.Elif(beat):
            m.d.sync += left.eq(left - 1)
        with m.If(answered):
            m.d.sync += is_open.eq(0)
        address, data = Signal(2), Signal(2)  # taken by the registers, and not answered
        told = bus.bvalid & bus.bready
        m.d.sync += [
            address.eq(address + (bus.awvalid & bus.awready) - told),
            data.eq(data + (bus.wvalid & bus.wready) - told),
        ]
        both = (address != 0) & (data != 0)
        m.d.comb += [
            Assume(waited(m, bus.awvalid & ~bus.awready, SLAVE_LATENCY) < SLAVE_LATENCY),
            Assume(waited(m, bus.wvalid & ~bus.wready, SLAVE_LATENCY) < SLAVE_LATENCY),
            Assume(waited(m, both & ~bus.bvalid, SLAVE_LATENCY) < SLAVE_LATENCY),
            Assume(~bus.bvalid | (both & (bus.bresp == Resp.OKAY))),
            Assert(stays_until_taken(m, bus.awvalid, bus.awready, bus.awaddr)),
            Assert(stays_until_taken(m, bus.wvalid, bus.wready, bus.wdata, bus.wstrb)),
            Assert(~((bus.awvalid | bus.wvalid) & outside)),
            Assert(stays_until_taken(m, port.bvalid, port.bready, port.bresp, port.bid)),
            Assert(~port.bvalid | (is_open & (left == 0) & (port.bid == ident))),
            Assert(~port.bvalid | (port.bresp == Mux(outside, Resp.DECERR, Resp.OKAY))),
            Assert(~port.wready | (is_open & (left != 0))),
            Assert(port.awready == (begun & ~is_open)),
            Assert(waited(m, (left != 0) & ~port.wready, LATENCY) < LATENCY),
            Assert(waited(m, is_open & (left == 0) & ~port.bvalid, LATENCY) < LATENCY),
            Cover(answered & outside & (first == 4)),
            Cover(answered & past(m, past(m, told))),
        ]
        if self.invariants:
            walk, window, block = _place(self.part.elaborate(None), "aw", "write")
            failed = outside & ~(port.wready & (left == first))
            m.d.comb += [
                Assert(~is_open | ((window == ~outside) & (block <= window) & (port.bid == ident))),
                Assert(~is_open | (port.bresp == Mux(failed, Resp.DECERR, Resp.OKAY))),
                Assert((left <= first) & (is_open | (left == 0))),
                Assert(~port.wready | (left == walk + 1)),
                Assert(~bus.bready | (left == walk)),
                Assert(address == (bus.bready & ~bus.awvalid)),
                Assert(data == (bus.bready & ~bus.wvalid)),
                Assert(~is_open | (port.wready + bus.bready + port.bvalid == 1)),
            ]


def _place(inside: Module, walk: str, way: str) -> tuple[Signal, Value, Value]:
    """What is left of a walk, and where its burst goes: into the window, to a register block."""
    place = register(inside, f"{way}_place")
    return register(opened(getattr(inside.submodules, f"{walk}_walk")), "left"), place[0], place[1]


def _is_outside(address: Value) -> Value:
    return (address < WINDOW.start) | (address >= WINDOW.stop)


TABLE = (
    Proof(
        "gp_port",
        "every burst is answered, beat by beat and soon, with its ID, and DECERR where there is nothing",
        GpPortHarness,
        Mode.INDUCTIVE,
        14,
        (
            Bug(
                "what reaches no register is not answered",
                gp_port,
                "with m.If(~place.block):\n"
                '                    m.next = "ANSWER"\n'
                "                with m.Elif(bus.arready):",
                "with m.If(bus.arready):",
            ),
            Bug(
                "a write is answered after its first beat",
                gp_port,
                'with m.If(walk.last):\n                m.next = "ANSWER"',
                'with m.If(1):\n                m.next = "ANSWER"',
            ),
            Bug("an answer has the ID of the next burst", gp_port, "port.bid.eq(port.awid)", "port.bid.eq(port.arid)"),
            Bug(
                "the address of a register's write is offered again",
                gp_port,
                "with m.If(bus.awready):\n                    m.d.sync += asked.eq(1)",
                "with m.If(bus.awready & bus.wready):\n                    m.d.sync += asked.eq(1)",
            ),
        ),
    ),
)
