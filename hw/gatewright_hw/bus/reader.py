"""Reads linear transfers from memory as a stream of beats."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import LEN_BITS, Descriptor, ReadPort
from gatewright_hw.bus.splitter import BurstSplitter
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.queue import Queue

__all__ = ["BurstReader"]


class BurstReader(wiring.Component):
    """Cuts descriptors into bursts and queues the beats that come back, in order, at up to one beat a cycle.

    Bursts are asked for only while the queue has room for all beats in flight, hence ``port.r.ready`` is always high
    and a slow consumer never blocks the bus for others. Descriptors are taken ahead of their data.

    Parameters
    ----------
    depth : beats that the queue holds, 16..4096. To hide a memory latency of L cycles at full rate it takes L + 16
        beats.
    outstanding : most bursts in flight, 1..64.

    Members
    -------
    descriptor : stream of Descriptor, in; transfers to read. One of zero beats is dropped.
    data : stream of 64 bits, out; the beats of all transfers, one after the other.
    port : ReadPort, out.
    """

    def __init__(self, depth: int, outstanding: int) -> None:
        self.depth = in_range("BurstReader", "depth", depth, MAX_BURST_BEATS, 4096)
        self.outstanding = in_range("BurstReader", "outstanding", outstanding, 1, 64)
        super().__init__(
            {
                "descriptor": In(stream.Signature(Descriptor)),
                "data": Out(stream.Signature(8 * BUS_BYTES)),
                "port": Out(ReadPort()),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.splitter = splitter = BurstSplitter()
        m.submodules.queue = queue = Queue(8 * BUS_BYTES, self.depth)
        m.submodules.lengths = lengths = Queue(LEN_BITS, self.outstanding, buffered=False)
        connect(m, wiring.flipped(self.descriptor), splitter.descriptor)
        connect(m, queue.o, wiring.flipped(self.data))

        # Request: the credit counts queue entries that no burst in flight has claimed.
        credit = Signal(range(self.depth + 1), init=self.depth)
        burst = splitter.burst
        send = Signal()
        ar_free = ~self.port.ar.valid | self.port.ar.ready
        m.d.comb += [
            send.eq(burst.valid & ar_free & lengths.i.ready & (credit > burst.payload.len)),
            burst.ready.eq(send),
            lengths.i.valid.eq(send),
            lengths.i.payload.eq(burst.payload.len),
        ]
        with m.If(self.port.ar.ready):
            m.d.sync += self.port.ar.valid.eq(0)
        with m.If(send):
            m.d.sync += [self.port.ar.valid.eq(1), self.port.ar.payload.eq(burst.payload)]
        claim = Mux(send, burst.payload.len + 1, 0)
        m.d.sync += credit.eq(credit - claim + (queue.o.valid & queue.o.ready))

        # Response: a burst's place among the outstanding is free again after its last beat.
        beat = Signal(LEN_BITS)
        m.d.comb += [
            self.port.r.ready.eq(1),
            queue.i.payload.eq(self.port.r.payload),
            queue.i.valid.eq(self.port.r.valid),
            lengths.o.ready.eq(self.port.r.valid & (beat == lengths.o.payload)),
        ]
        with m.If(lengths.o.ready):
            m.d.sync += beat.eq(0)
        with m.Elif(self.port.r.valid):
            m.d.sync += beat.eq(beat + 1)
        return m
