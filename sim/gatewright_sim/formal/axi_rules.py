"""The rules of AXI4 for the accelerator's master (IHI 0022), and those that it keeps on top of them so that Zynq-7000's
AXI3 ports accept its bursts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Array, Assert, Assume, Module, Signal, Value
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.axi import BurstType
from gatewright_sim.bursts import PAGE_BYTES
from gatewright_sim.formal.properties import stays_until_taken

__all__ = ["AxiTraffic", "Lengths", "axi_master", "is_legal"]


def is_legal(addr: Value, length: Value) -> Value:
    """Whether a burst of ``length`` + 1 beats at a byte address is aligned, within 16 beats and within its page."""
    words = PAGE_BYTES // BUS_BYTES
    first = addr[exact_log2(BUS_BYTES) : exact_log2(PAGE_BYTES)]
    return (addr % BUS_BYTES == 0) & (length < MAX_BURST_BEATS) & (first + length < words)


class Lengths:
    """The lengths (beats minus one) of bursts under way, ``most`` at a time, in their order.

    Attributes
    ----------
    count : range(most + 1); how many there are.
    first, last_beat : length of the oldest, and whether its next beat is its last one.
    """

    def __init__(self, m: Module, most: int, enters: Value, length: Value, beat: Value) -> None:
        self.count = Signal(range(most + 2))
        entries = Array(Signal(len(length), name=f"length{i}") for i in range(most + 1))
        done = Signal(len(length))
        self.first = entries[0]
        self.last_beat = done == self.first
        self.ends = beat & self.last_beat
        m.d.comb += Assert(self.count <= most)
        m.d.sync += self.count.eq(self.count + enters - self.ends)
        with m.If(self.ends):
            m.d.sync += [entries[i].eq(entries[i + 1]) for i in range(most)]
            m.d.sync += done.eq(0)
        with m.Elif(beat):
            m.d.sync += done.eq(done + 1)
        with m.If(enters):
            m.d.sync += entries[self.count - self.ends].eq(length)


@dataclass(frozen=True)
class AxiTraffic:
    """What is open on a bus: reads, writes whose data are not all sent, and writes that are not answered."""

    reads: Lengths
    writes: Lengths
    unanswered: Signal

    @property
    def is_open(self) -> Value:
        """1; a transaction is open."""
        return (self.reads.count != 0) | (self.writes.count != 0) | (self.unanswered != 0)


def axi_master(m: Module, axi: Any, most: int) -> AxiTraffic:
    """Assume a slave that keeps the rules, and assert that a master on ``axi`` does, with at most ``most`` bursts under
    way in each direction.

    The slave may take what it likes when it likes, and answers, with any response, what was asked for and nothing else
    (A3.3). The master keeps what it offers (A3.2.1), asks for legal INCR bursts of whole words with ID 0, sends as many
    beats as it announced, the last one marked, none before its address was taken, and is always ready for answers.
    """
    taken = {name: getattr(axi, f"{name}valid") & getattr(axi, f"{name}ready") for name in ("ar", "aw", "w", "r", "b")}
    reads = Lengths(m, most, taken["ar"], axi.arlen, taken["r"])
    writes = Lengths(m, most, taken["aw"], axi.awlen, taken["w"])
    unanswered = Signal(range(most + 2))
    m.d.sync += unanswered.eq(unanswered + writes.ends - taken["b"])
    m.d.comb += [
        Assume(stays_until_taken(m, axi.rvalid, axi.rready, axi.rdata, axi.rresp, axi.rlast)),
        Assume(stays_until_taken(m, axi.bvalid, axi.bready, axi.bresp)),
        Assume(~axi.rvalid | ((reads.count != 0) & (axi.rlast == reads.last_beat))),
        Assume(~axi.bvalid | (unanswered != 0)),
        Assert(stays_until_taken(m, axi.wvalid, axi.wready, axi.wdata, axi.wstrb, axi.wlast)),
        Assert(~axi.wvalid | ((writes.count != 0) & (axi.wlast == writes.last_beat))),
        Assert(writes.count + unanswered <= most),
        Assert(axi.bready),
    ]
    for channel in ("ar", "aw"):
        field = {name: getattr(axi, f"{channel}{name}") for name in ("addr", "len", "size", "burst", "id", "lock")}
        valid, ready = getattr(axi, f"{channel}valid"), getattr(axi, f"{channel}ready")
        fixed = (field["size"] == exact_log2(BUS_BYTES)) & (field["burst"] == BurstType.INCR)
        plain = (field["id"] == 0) & (field["lock"] == 0)
        m.d.comb += [
            Assert(stays_until_taken(m, valid, ready, *field.values())),
            Assert(~valid | (is_legal(field["addr"], field["len"]) & fixed & plain)),
        ]
    return AxiTraffic(reads, writes, unanswered)
