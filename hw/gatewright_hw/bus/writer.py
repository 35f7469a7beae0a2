"""Writes a stream of beats to linear transfers in memory."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect

from gatewright.spec.memory import MAX_BURST_BEATS
from gatewright_hw.bus.ports import Descriptor, WriteBeat, WritePort
from gatewright_hw.bus.splitter import BurstSplitter
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.queue import Queue

__all__ = ["BurstWriter"]

MAX_OUTSTANDING = 64


class BurstWriter(wiring.Component):
    """Queues beats and writes them as bursts, at up to one beat a cycle.

    A burst is announced only when all its beats are in the queue, hence a write that the bus has granted never waits
    for its producer, and a producer that itself waits for reads cannot deadlock the bus. Beats may come before their
    descriptor.

    Parameters
    ----------
    depth : beats that the queue holds, 32..4096 (two bursts: one fills while one leaves).

    Members
    -------
    descriptor : stream of Descriptor, in; transfers to write. One of zero beats is dropped.
    data : stream of WriteBeat, in; the beats of all transfers, one after the other.
    port : WritePort, out.
    idle : 1, out; no transfer, beat or unacknowledged burst is left here. Falls in the cycle after a descriptor or
        beat is accepted.
    """

    def __init__(self, depth: int) -> None:
        self.depth = in_range("BurstWriter", "depth", depth, 2 * MAX_BURST_BEATS, 4096)
        super().__init__(
            {
                "descriptor": In(stream.Signature(Descriptor)),
                "data": In(stream.Signature(WriteBeat)),
                "port": Out(WritePort()),
                "idle": Out(1, init=1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.splitter = splitter = BurstSplitter()
        m.submodules.queue = queue = Queue(WriteBeat, self.depth)
        connect(m, wiring.flipped(self.descriptor), splitter.descriptor)
        connect(m, wiring.flipped(self.data), queue.i)
        connect(m, queue.o, wiring.flipped(self.port.w))

        unclaimed = Signal(range(self.depth + 1))  # beats in the queue that no burst has been announced for
        pending = Signal(range(MAX_OUTSTANDING + 1))  # bursts announced and not acknowledged
        burst = splitter.burst
        send = Signal()
        claim = Mux(send, burst.payload.len + 1, 0)
        m.d.comb += [
            send.eq(
                burst.valid
                & (~self.port.aw.valid | self.port.aw.ready)
                & (unclaimed > burst.payload.len)
                & (pending != MAX_OUTSTANDING)
            ),
            burst.ready.eq(send),
        ]
        m.d.sync += [
            unclaimed.eq(unclaimed - claim + (queue.i.valid & queue.i.ready)),
            pending.eq(pending + send - self.port.b),
        ]
        with m.If(self.port.aw.ready):
            m.d.sync += self.port.aw.valid.eq(0)
        with m.If(send):
            m.d.sync += [self.port.aw.valid.eq(1), self.port.aw.payload.eq(burst.payload)]
        m.d.comb += self.idle.eq(~splitter.busy & (pending == 0) & (queue.level == 0))
        return m
