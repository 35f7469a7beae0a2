"""Queues: nothing is lost, made up, changed or overtaken, and no promise is broken."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal, Value
from amaranth.lib import wiring

from gatewright_hw.parts import promised_queue, stream_register
from gatewright_hw.parts import queue as queue_module
from gatewright_hw.parts.promised_queue import PromisedQueue
from gatewright_hw.parts.queue import Queue
from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.internals import opened, register
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.properties import Followed, follow, stays_until_taken, waited

__all__ = ["TABLE"]

ITEM_BITS = 4
DEPTH = 5
"""No power of two: addresses have to wrap on their own."""


def _wrapped(place: Value, depth: int) -> Value:
    return Mux(place >= depth, place - depth, place)


def _invariants(m: Module, queue: Queue, followed: Followed) -> None:
    """Where the followed item lies in the memory of ``queue``."""
    fifo = opened(queue).submodules.fifo
    inner = opened(fifo)
    produce, consume = register(inner, "produce"), register(inner, "consume")
    buffered = queue.delay == 2
    entries = queue.depth - buffered
    stored = register(inner, "inner_level") if buffered else fifo.level
    port = inner.submodules.storage.read_port(domain="comb")
    place = followed.ahead - (fifo.r_rdy if buffered else 0)  # among those in the memory
    m.d.comb += [
        port.addr.eq(_wrapped(consume + place, entries)),
        Assert(queue.level == followed.inside),
        Assert((produce < entries) & (consume < entries) & (stored <= entries)),
        Assert(produce == _wrapped(consume + stored, entries)),
        Assert(~followed.present | (place < 0) | (port.data == followed.item)),
    ]
    if buffered:  # its output is empty only while the first item comes there
        m.d.comb += Assert(fifo.r_rdy | (stored <= 1))


class _Stream(Harness):
    """A part between two streams with a free sender and a free receiver."""

    def __init__(self, part: wiring.Component) -> None:
        super().__init__(part, pick=1)

    def _between(self, m: Module, most: int) -> Followed:
        i, o = self.part.i, self.part.o
        m.d.comb += Assert(stays_until_taken(m, o.valid, o.ready, o.payload))
        enters, leaves = i.valid & i.ready, o.valid & o.ready
        return follow(m, self.pick, enters, i.payload, o.valid, leaves, o.payload, most)


class QueueHarness(_Stream):
    """A queue; it also offers what it holds soon enough."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        queue = self.part
        followed = self._between(m, queue.depth)
        if self.invariants:
            _invariants(m, queue, followed)
        idle = waited(m, (followed.inside != 0) & ~queue.o.valid, queue.delay)
        m.d.comb += [
            Assert(idle < queue.delay),
            Assert(queue.i.ready | (followed.inside + queue.delay > queue.depth)),
            Cover((followed.inside == queue.depth) & followed.present & (followed.ahead == 2)),
        ]
        return m


class StreamRegisterHarness(_Stream):
    """Two entries, always ready while one is free, and one cycle of latency."""

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        followed = self._between(m, 2)
        if self.invariants:
            spare = register(opened(part), "spare")
            m.d.comb += Assert(~(followed.present & (followed.ahead == 1)) | (spare == followed.item))
        m.d.comb += [
            Assert(part.o.valid == (followed.inside != 0)),
            Assert(part.i.ready == (followed.inside != 2)),
            Cover((followed.inside == 2) & followed.present),
        ]
        return m


class PromisedQueueHarness(Harness):
    """A queue whose user claims places only while there is room, and pushes what it has claimed, any time later."""

    def __init__(self, depth: int) -> None:
        super().__init__(PromisedQueue(ITEM_BITS, depth), pick=1)
        self._depth = depth

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part, depth = self.part, self._depth
        owed = Signal(range(depth + 1))  # claimed and not pushed
        m.d.sync += owed.eq(owed + part.claim - part.push)
        m.d.comb += [Assume(~part.claim | part.room), Assume(~part.push | (owed != 0) | part.claim)]
        leaves = part.o.valid & part.o.ready
        followed = follow(m, self.pick, part.push, part.item, part.o.valid, leaves, part.o.payload, depth)
        if self.invariants:
            left = register(opened(part), "places_left")
            _invariants(m, part._queue, followed)
            m.d.comb += [
                Assert(~part.push | part._queue.i.ready),
                Assert(left + owed + followed.inside == depth),
            ]
        m.d.comb += [
            Assert(part.room | (owed + followed.inside == depth)),
            Cover((followed.inside == depth) & followed.present),
            Cover(owed == depth),
        ]
        return m


TABLE = (
    Proof(
        "queue_buffered",
        "a queue with block RAM keeps each item, and their order",
        lambda: QueueHarness(Queue(ITEM_BITS, DEPTH)),
        Mode.INDUCTIVE,
        12,
        (Bug("ready without room", queue_module, "self.i.ready.eq(fifo.w_rdy)", "self.i.ready.eq(1)"),),
    ),
    Proof(
        "queue_distributed",
        "a queue with distributed RAM keeps each item, and their order",
        lambda: QueueHarness(Queue(ITEM_BITS, DEPTH, buffered=False)),
        Mode.INDUCTIVE,
        12,
        (Bug("it offers what is not there", queue_module, "self.o.valid.eq(fifo.r_rdy)", "self.o.valid.eq(1)"),),
    ),
    Proof(
        "stream_register",
        "a stream register keeps each item, stands still with two, and never offers something else",
        lambda: StreamRegisterHarness(StreamRegister(ITEM_BITS)),
        Mode.INDUCTIVE,
        8,
        (
            Bug(
                "the spare item is lost when the output is taken",
                stream_register,
                "self.o.valid.eq(spare_valid | self.i.valid)",
                "self.o.valid.eq(self.i.valid)",
            ),
            Bug(
                "the output changes while it waits",
                stream_register,
                "m.If(~self.o.valid | self.o.ready)",
                "m.If(~self.o.valid | self.o.ready | self.i.valid)",
            ),
        ),
    ),
    *(
        Proof(
            f"promised_queue_{depth}",
            f"a promised queue of {depth} places has a place for every item that was promised one",
            lambda depth=depth: PromisedQueueHarness(depth),  # type: ignore[misc]
            Mode.INDUCTIVE,
            14,
            (
                Bug("one place too many", promised_queue, "queue.depth, self.claim", "queue.depth + 1, self.claim"),
                Bug(
                    "a place comes back without an item",
                    promised_queue,
                    "self.claim, self.o.valid & self.o.ready",
                    "self.claim, self.o.ready",
                ),
            ),
        )
        for depth in (3, 5)
    ),
)
