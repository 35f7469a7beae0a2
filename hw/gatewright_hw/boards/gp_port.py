"""From a processing system's general-purpose AXI master to a register block."""

import operator
from collections.abc import Collection

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright_hw.boards.burst_walk import WALK_BITS, BurstWalk
from gatewright_hw.bus.axi import Axi3, Axi4, AxiLite, Resp

__all__ = ["GpPort"]

DATA_BITS = 32


def _place(page_bits: int) -> data.StructLayout:
    """Where a burst goes, which holds for all its beats: whether the window holds it, whether a register block does,
    and on which page of the window it lies."""
    return data.StructLayout({"window": 1, "block": 1, "page": page_bits})


class GpPort(wiring.Component):
    """Answers every access to the port, whatever its address, length, size, burst type, lock and ID: one that is not
    answered holds the processor for ever (the port has no time-out: UG585, chapter 5.6).

    Register blocks are reached through AXI4-Lite, a beat at a time. In the window's rest reads give 0 and writes are
    ignored; outside of it the answer is DECERR. Exclusive and locked accesses are answered as normal ones (OKAY, which
    says that there is no monitor). Reads and writes do not wait for each other. Of a write, the address is taken
    first, then as many beats as it announced, whatever their ID and ``wlast`` say.

    It must see the fabric's reset alone: while the accelerator hangs or is reset, it answers. In reset it takes
    nothing, so that whatever comes waits for the reset's end.

    Parameters
    ----------
    port : the port's signature, with 32 bits of data.
    window : addresses of the window; start and length are powers of two or multiples of them, at least a register
        block's 4 KiB. None: outside is everywhere.
    blocks : offsets of the register blocks in the window, multiples of 4 KiB.

    Members
    -------
    port : as given, in.
    bus : AxiLite, out; the registers, by their offset in the window. An address stays until its answer is taken.
    """

    def __init__(self, port: Axi3 | Axi4, window: range | None, blocks: Collection[int] = (0,)) -> None:
        data_bits = port.members["wdata"].shape
        if data_bits != DATA_BITS:
            raise ValueError(f"GpPort: the port has {data_bits} bits of data, allowed {DATA_BITS}")
        if window is not None:
            start, size = operator.index(window.start), len(window)
            if size < 1 << WALK_BITS or size & size - 1 or start % size or window.step != 1:
                raise ValueError(
                    f"GpPort: the window is {start:#x}..{window.stop - 1:#x}, allowed: a power of two of at least "
                    f"{1 << WALK_BITS} bytes at a multiple of its size"
                )
            for offset in blocks:
                if offset not in range(0, size, 1 << WALK_BITS):
                    allowed = f"multiples of {1 << WALK_BITS:#x} below {size:#x}"
                    raise ValueError(f"GpPort: a block lies at {offset:#x}, allowed: {allowed}")
        self._signature = port
        self._window = window
        self._pages = [offset >> WALK_BITS for offset in blocks]
        self._bits = WALK_BITS if window is None else exact_log2(len(window))
        super().__init__({"port": In(port), "bus": Out(AxiLite(self._bits))})

    def _find(self, address: Value, place: data.View) -> list[Value]:
        """Assignments that note where ``address`` lies."""
        if self._window is None:
            return [place.window.eq(0), place.block.eq(0)]
        window = address[self._bits :] == self._window.start >> self._bits
        page = address[WALK_BITS : self._bits]
        block = Cat(page == each for each in self._pages).any()
        return [place.window.eq(window), place.block.eq(window & block), place.page.eq(page)]

    def _walk(self, m: Module, channel: str, taken: Signal, place: data.View) -> BurstWalk:
        """The walk through the bursts of an address channel, each loaded when it is ``taken``, as ``place`` is."""
        port = self.port
        width = {name: self._signature.members[f"aw{name}"].shape for name in ("len", "size")}
        walk = BurstWalk(width["len"], width["size"])
        m.submodules[f"{channel}_walk"] = walk
        fields = {name: getattr(port, f"{channel}{name}") for name in ("addr", "len", "size", "burst")}
        m.d.comb += walk.load.eq(taken)
        m.d.comb += [getattr(walk, name).eq(value[: len(getattr(walk, name))]) for name, value in fields.items()]
        with m.If(taken):
            m.d.sync += self._find(fields["addr"], place)
        return walk

    def _read(self, m: Module) -> None:
        port, bus = self.port, self.bus
        taken = Signal()
        place = Signal(_place(self._bits - WALK_BITS), name="read_place")
        walk = self._walk(m, "ar", taken, place)
        m.d.comb += [
            bus.araddr.eq(Cat(walk.address, place.page)),
            port.rlast.eq(walk.last),
            taken.eq(port.arvalid & port.arready),
        ]
        with m.If(taken):
            m.d.sync += port.rid.eq(port.arid)
        with m.FSM(name="read"):
            with m.State("RESET"):
                m.next = "IDLE"
            with m.State("IDLE"):
                m.d.comb += port.arready.eq(1)
                with m.If(port.arvalid):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += bus.arvalid.eq(place.block)
                m.d.sync += [port.rdata.eq(0), port.rresp.eq(_without_a_register(place))]
                with m.If(~place.block):
                    m.next = "ANSWER"
                with m.Elif(bus.arready):
                    m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += bus.rready.eq(1)
                m.d.sync += [port.rdata.eq(bus.rdata), port.rresp.eq(bus.rresp)]
                with m.If(bus.rvalid):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += port.rvalid.eq(1)
                with m.If(port.rready):
                    m.d.comb += walk.step.eq(~walk.last)
                    with m.If(walk.last):
                        m.next = "IDLE"
                    with m.Else():
                        m.next = "ASK"

    def _write(self, m: Module) -> None:
        port, bus = self.port, self.bus
        taken = Signal()
        place = Signal(_place(self._bits - WALK_BITS), name="write_place")
        walk = self._walk(m, "aw", taken, place)
        asked, given = Signal(), Signal()  # the beat's address, and its data, have been taken
        m.d.comb += [bus.awaddr.eq(Cat(walk.address, place.page)), taken.eq(port.awvalid & port.awready)]
        with m.If(taken):
            m.d.sync += port.bid.eq(port.awid)

        def next_beat() -> None:
            m.d.comb += walk.step.eq(~walk.last)
            with m.If(walk.last):
                m.next = "ANSWER"
            with m.Else():
                m.next = "DATA"

        with m.FSM(name="write"):
            with m.State("RESET"):
                m.next = "IDLE"
            with m.State("IDLE"):
                m.d.comb += port.awready.eq(1)
                m.d.sync += port.bresp.eq(Resp.OKAY)
                with m.If(port.awvalid):
                    m.next = "DATA"
            with m.State("DATA"):
                m.d.comb += port.wready.eq(1)
                m.d.sync += [bus.wdata.eq(port.wdata), bus.wstrb.eq(port.wstrb), asked.eq(0), given.eq(0)]
                with m.If(port.wvalid):
                    with m.If(place.block):
                        m.next = "REGISTER"
                    with m.Else():
                        m.d.sync += port.bresp.eq(_without_a_register(place))
                        next_beat()
            with m.State("REGISTER"):
                m.d.comb += [bus.awvalid.eq(~asked), bus.wvalid.eq(~given), bus.bready.eq(1)]
                with m.If(bus.awready):
                    m.d.sync += asked.eq(1)
                with m.If(bus.wready):
                    m.d.sync += given.eq(1)
                with m.If(bus.bvalid):
                    with m.If(bus.bresp[1]):
                        m.d.sync += port.bresp.eq(bus.bresp)
                    next_beat()
            with m.State("ANSWER"):
                m.d.comb += port.bvalid.eq(1)
                with m.If(port.bready):
                    m.next = "IDLE"

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        self._read(m)
        self._write(m)
        return m


def _without_a_register(place: data.View) -> Value:
    """The answer to a beat that reaches no register."""
    return (~place.window).replicate(2) & Resp.DECERR
