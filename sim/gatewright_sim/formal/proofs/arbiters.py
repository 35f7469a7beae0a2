"""The arbiters: every beat and every answer is for whom it should be, and nobody is passed over twice."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Mux, Signal, Value

from gatewright.spec.memory import MAX_BURST_BEATS
from gatewright_hw.bus import arbiter
from gatewright_hw.bus.arbiter import ReadArbiter, WriteArbiter
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.properties import follow, owned, stays_until_taken, waited

__all__ = ["TABLE"]

REQUESTERS = 3
OUTSTANDING = 2
MOST_BEATS = (OUTSTANDING + 2) * MAX_BURST_BEATS
PAYLOAD_BITS = 2
"""Of free addresses and data; the other bits are 0, and nothing looks at them."""
LATENCY = 3
"""Most cycles from where a beat could move on to where it does."""


def _any_of(m: Module, chosen: Value, values: Sequence[Value]) -> Signal:
    """The value whose bit is high in ``chosen``."""
    value = Signal(values[0].shape())
    for index, each in enumerate(values):
        with m.If(chosen[index]):
            m.d.comb += value.eq(each)
    return value


class _ArbiterHarness(Harness):
    """Requesters that keep what they offer, before a memory that answers what it was asked.

    ``whole`` : all bursts have 16 beats; otherwise they have one or two.
    """

    def __init__(self, part: ReadArbiter | WriteArbiter, whole: bool) -> None:
        free = {"place": PAYLOAD_BITS * REQUESTERS, "data": PAYLOAD_BITS * REQUESTERS, "long": REQUESTERS}
        super().__init__(part, pick_burst=1, pick_item=1, pick_owner=1, pick_answer=1, **free)
        self._whole = whole

    def _grants(self, m: Module, channel: str) -> tuple[Value, Value]:
        """Bursts go out unchanged, one at a time, in the order in which they are granted, and that is by turns. Returns
        to whom one is granted, one bit each, and its beats."""
        requests = [getattr(port, channel) for port in self.part.ports]
        out = getattr(self.part.port, channel)
        granted = Cat(request.valid & request.ready for request in requests)
        for index, request in enumerate(requests):
            served = Signal(REQUESTERS, name=f"served{index}")  # while this one waits
            m.d.sync += served.eq(Mux(request.valid & ~granted[index], served | granted, 0))
            m.d.comb += [
                request.payload.addr.eq(self.place.word_select(index, PAYLOAD_BITS)),
                request.payload.len.eq(MAX_BURST_BEATS - 1 if self._whole else self.long[index]),
                Assume(stays_until_taken(m, request.valid, request.ready, request.payload)),
                Assert(~request.valid | ((served & granted) == 0)),
                Cover(granted[index] & (served != 0)),
            ]
        burst = _any_of(m, granted, [Value.cast(request.payload) for request in requests])
        m.d.comb += [
            Assert((granted & (granted - 1)) == 0),
            Assert(stays_until_taken(m, out.valid, out.ready, out.payload)),
        ]
        followed = follow(m, self.pick_burst, granted.any(), burst, out.valid, out.valid & out.ready, out.payload, 2)
        self._idle = Cat(request.valid for request in requests).any() & (followed.inside == 0) & ~granted.any()
        return granted, out.payload.shape()(burst).len + 1


class ReadArbiterHarness(_ArbiterHarness):
    def elaborate(self, _platform: object) -> Module:
        m = Module()
        granted, count = self._grants(m, "ar")
        port = self.part.port
        ends = [each.r for each in self.part.ports]
        offered = Cat(end.valid for end in ends)
        moves = Cat(end.valid & end.ready for end in ends)
        asked = Signal(10)  # beats that the memory owes
        announced = Mux(port.ar.valid & port.ar.ready, port.ar.payload.len + 1, 0)
        m.d.sync += asked.eq(asked + announced - (port.r.valid & port.r.ready))
        m.d.comb += [
            port.r.payload.eq(self.data[:PAYLOAD_BITS]),
            Assume(~port.r.valid | (asked != 0)),
            Assume(stays_until_taken(m, port.r.valid, port.r.ready, port.r.payload)),
        ]
        owed = owned(m, self.pick_owner, granted.any(), count, granted, offered, moves, MOST_BEATS)
        payload = _any_of(m, offered, [end.payload for end in ends])
        beat = port.r.valid & port.r.ready
        followed = follow(m, self.pick_item, beat, port.r.payload, offered.any(), moves.any(), payload, 2)
        m.d.comb += [
            Assert(~(self._idle & (owed == 0))),
            Assert(waited(m, (followed.inside != 0) & ~offered.any(), LATENCY) < LATENCY),
        ]
        return m


class WriteArbiterHarness(_ArbiterHarness):
    def elaborate(self, _platform: object) -> Module:
        m = Module()
        granted, count = self._grants(m, "aw")
        port = self.part.port
        begins = [each.w for each in self.part.ports]
        for index, begin in enumerate(begins):
            m.d.comb += [
                begin.payload.data.eq(self.data.word_select(index, PAYLOAD_BITS)),
                begin.payload.strb.eq(0),
                Assume(stays_until_taken(m, begin.valid, begin.ready, begin.payload)),
            ]
        moves = Cat(begin.valid & begin.ready for begin in begins)
        answers = Cat(each.b for each in self.part.ports)
        owed = owned(m, self.pick_owner, granted.any(), count, granted, moves, moves, MOST_BEATS)
        open_ = owned(m, self.pick_answer, granted.any(), Value.cast(1), granted, answers, answers, MOST_BEATS)
        asked = Signal(10)  # bursts that the memory has not answered
        m.d.sync += asked.eq(asked + (port.aw.valid & port.aw.ready) - port.b)
        payload = _any_of(m, moves, [Value.cast(begin.payload) for begin in begins])
        sent = port.w.valid & port.w.ready
        followed = follow(m, self.pick_item, moves.any(), payload, port.w.valid, sent, port.w.payload, 2)
        ready = Cat(begin.valid for begin in begins).all() & (owed != 0) & (followed.inside == 0) & ~moves.any()
        m.d.comb += [
            Assume(~port.b | (asked != 0)),
            Assert(answers.any() == port.b),
            Assert(~(self._idle & (owed == 0) & (open_ == 0))),
            Assert(waited(m, ready, LATENCY) < LATENCY),
        ]
        return m


_LENGTHS = (("", False, "1 or 2 beats", 14), ("_whole", True, "16 beats", 22))
"""Of bursts: name, whether they are whole, in words, and cycles that show what they do."""

_TURNS = (
    Bug("the same requester is always first", arbiter, "m.d.sync += last.eq(self.source)", "m.d.sync += last.eq(0)"),
)

TABLE = (
    *(
        Proof(
            f"arbiter_read{name}",
            f"with bursts of {beats}: beats reach whose burst they are of, in order; no requester is passed "
            "over twice, none waits for ever",
            lambda whole=whole: ReadArbiterHarness(ReadArbiter(REQUESTERS, OUTSTANDING), whole),  # type: ignore[misc]
            Mode.BOUNDED,
            depth,
            (
                *_TURNS,
                Bug(
                    "beats go to whom the last burst was granted",
                    arbiter,
                    "self.owner.eq(tags.o.payload.source)",
                    "self.owner.eq(last)",
                ),
                Bug(
                    "a tag ends a beat early",
                    arbiter,
                    "(beat == tags.o.payload.len)",
                    "(beat + 1 >= tags.o.payload.len)",
                ),
                Bug(
                    "a burst is granted without a place for its tag",
                    arbiter,
                    "admit = ~self.stall & tags.i.ready",
                    "admit = ~self.stall",
                ),
            ),
        )
        for name, whole, beats, depth in _LENGTHS
    ),
    *(
        Proof(
            f"arbiter_write{name}",
            f"with bursts of {beats}: beats and answers are whose burst they are of, in order; no requester is "
            "passed over twice, none waits for ever",
            lambda whole=whole: WriteArbiterHarness(WriteArbiter(REQUESTERS, OUTSTANDING), whole),  # type: ignore[misc]
            Mode.BOUNDED,
            depth,
            (
                *_TURNS,
                Bug(
                    "an answer goes to whose beats come next",
                    arbiter,
                    "self.port.b & (owners.o.payload == index)",
                    "self.port.b & (turns.owner == index)",
                ),
                Bug("more bursts than owners", arbiter, "turns.stall.eq(~owners.i.ready)", "turns.stall.eq(0)"),
                Bug("a beat is taken before its burst", arbiter, "port.w.valid & turns.owned", "port.w.valid"),
            ),
        )
        for name, whole, beats, depth in _LENGTHS
    ),
)
