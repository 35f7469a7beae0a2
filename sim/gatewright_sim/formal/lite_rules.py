"""The rules of AXI4-Lite (AMBA AXI protocol specification, IHI 0022), for both sides of a bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Assert, Assume, Module, Signal, Value

from gatewright_hw.bus.axi import Resp
from gatewright_sim.formal.properties import stays_until_taken, waited

__all__ = ["LiteTraffic", "lite_slave"]

_COUNT_BITS = 3


@dataclass(frozen=True)
class LiteTraffic:
    """What is open on a bus.

    Attributes
    ----------
    write_address, write_data, read : accesses whose address, or data, was taken and whose answer was not.
    """

    write_address: Signal
    write_data: Signal
    read: Signal


def _open(m: Module, taken: Value, answered: Value) -> Signal:
    count = Signal(_COUNT_BITS)
    m.d.sync += count.eq(count + taken - answered)
    return count


def lite_slave(m: Module, bus: Any, latency: int) -> LiteTraffic:
    """Assume a master that keeps the rules, and assert that a slave on ``bus`` does.

    The master may have any number of accesses under way, send address and data in any order, and take its answers
    whenever it likes. The slave offers an answer, OKAY, to every access and to nothing else, and keeps it until it is
    taken (A3.2.1, A3.3). It neither takes longer than ``latency`` cycles to take an access, unless the answer to the
    one before waits, nor to answer it: with a master that takes answers at some time, nothing stands still for ever.
    """
    m.d.comb += [
        Assume(stays_until_taken(m, bus.awvalid, bus.awready, bus.awaddr, bus.awprot)),
        Assume(stays_until_taken(m, bus.wvalid, bus.wready, bus.wdata, bus.wstrb)),
        Assume(stays_until_taken(m, bus.arvalid, bus.arready, bus.araddr, bus.arprot)),
    ]
    write, address = bus.wvalid & bus.wready, bus.awvalid & bus.awready
    answered, asked, told = bus.bvalid & bus.bready, bus.arvalid & bus.arready, bus.rvalid & bus.rready
    addresses, data, reads = _open(m, address, answered), _open(m, write, answered), _open(m, asked, told)
    writes_wait = bus.awvalid & bus.wvalid & ~bus.awready & ~(bus.bvalid & ~bus.bready)
    m.d.comb += [
        Assert(stays_until_taken(m, bus.bvalid, bus.bready, bus.bresp)),
        Assert(stays_until_taken(m, bus.rvalid, bus.rready, bus.rdata, bus.rresp)),
        Assert(~bus.bvalid | ((addresses != 0) & (data != 0) & (bus.bresp == Resp.OKAY))),
        Assert(~bus.rvalid | ((reads != 0) & (bus.rresp == Resp.OKAY))),
        Assert(waited(m, writes_wait, latency) < latency),
        Assert(waited(m, bus.arvalid & ~bus.arready & ~(bus.rvalid & ~bus.rready), latency) < latency),
        Assert(waited(m, (addresses != 0) & (data != 0) & ~bus.bvalid, latency) < latency),
        Assert(waited(m, (reads != 0) & ~bus.rvalid, latency) < latency),
        # None is answered twice or lost: what is open stays within what a slave may hold.
        Assert((addresses <= 1) & (data <= 1) & (reads <= 1)),
    ]
    return LiteTraffic(addresses, data, reads)
