"""Share one memory port among several requesters: round robin by burst, beats routed in the order of the bursts."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.ports import LEN_BITS, Burst, ReadPort, WriteBeat, WritePort
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.queue import Queue
from gatewright_hw.parts.stream_register import StreamRegister

__all__ = ["ReadArbiter", "WriteArbiter"]


class _Turns(wiring.Component):
    """Chooses one burst stream among ``n`` after the other, one burst a cycle, and remembers whose beats come next.

    Parameters
    ----------
    n : requesters.
    outstanding : most bursts whose beats have not all come.

    Members
    -------
    requests : ``n`` streams of Burst, in.
    burst : stream of Burst, out; the chosen ones, registered.
    stall : 1, in; no burst is accepted.
    granted, source : 1 and range(n), out; a burst is accepted in this cycle, and from which requester.
    owned, owner : 1 and range(n), out; whether a beat is to come, and whose it is.
    beat : 1, in; that beat comes in this cycle.
    """

    def __init__(self, n: int, outstanding: int) -> None:
        self._n = n
        self._outstanding = outstanding
        bursts = stream.Signature(Burst)
        super().__init__(
            {
                "requests": In(bursts).array(n),
                "burst": Out(bursts),
                "stall": In(1),
                "granted": Out(1),
                "source": Out(range(n)),
                "owned": Out(1),
                "owner": Out(range(n)),
                "beat": In(1),
            }
        )

    def _choose(self, m: Module, last: Signal) -> None:
        """The first requester after the one served ``last`` that has a burst."""
        with m.Switch(last):
            for current in range(self._n):
                with m.Case(current):
                    # The requester just after the last one served is assigned last, hence wins.
                    for distance in range(self._n, 0, -1):
                        candidate = (current + distance) % self._n
                        with m.If(self.requests[candidate].valid):
                            m.d.comb += self.source.eq(candidate)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        tag = data.StructLayout({"source": range(self._n), "len": LEN_BITS})
        m.submodules.register = register = StreamRegister(Burst)
        m.submodules.tags = tags = Queue(tag, self._outstanding)
        wiring.connect(m, register.o, wiring.flipped(self.burst))
        last = Signal(range(self._n))
        admit = ~self.stall & tags.i.ready
        self._choose(m, last)
        with m.Switch(self.source):
            for index, request in enumerate(self.requests):
                with m.Case(index):
                    m.d.comb += [
                        register.i.payload.eq(request.payload),
                        register.i.valid.eq(request.valid & admit),
                        request.ready.eq(register.i.ready & admit),
                    ]
        with m.If(self.granted):
            m.d.sync += last.eq(self.source)

        beat = Signal(LEN_BITS)
        end = Signal()
        m.d.comb += [
            self.granted.eq(register.i.valid & register.i.ready),
            tags.i.valid.eq(self.granted),
            tags.i.payload.source.eq(self.source),
            tags.i.payload.len.eq(register.i.payload.len),
            self.owned.eq(tags.o.valid),
            self.owner.eq(tags.o.payload.source),
            end.eq(self.beat & (beat == tags.o.payload.len)),
            tags.o.ready.eq(end),
        ]
        with m.If(end):
            m.d.sync += beat.eq(0)
        with m.Elif(self.beat):
            m.d.sync += beat.eq(beat + 1)
        return m


class _Arbiter(wiring.Component):
    """What both arbiters have: ``n`` ports of a ``signature`` onto one, whose bursts go out by ``channel``."""

    def __init__(self, signature: wiring.Signature, channel: str, n: int, outstanding: int) -> None:
        self._channel = channel
        self._n = in_range(type(self).__name__, "n", n, 1, 16)
        self._outstanding = in_range(type(self).__name__, "outstanding", outstanding, 2, 64)
        super().__init__({"ports": In(signature).array(n), "port": Out(signature)})

    def _take_turns(self, m: Module) -> _Turns:
        m.submodules.turns = turns = _Turns(self._n, self._outstanding)
        for requester, port in zip(turns.requests, self.ports, strict=True):
            wiring.connect(m, wiring.flipped(getattr(port, self._channel)), requester)
        wiring.connect(m, turns.burst, wiring.flipped(getattr(self.port, self._channel)))
        return turns


class ReadArbiter(_Arbiter):
    """``n`` read ports onto one: up to one burst and one beat a cycle, each a cycle later.

    Parameters
    ----------
    n : requesters, 1..16.
    outstanding : most bursts in flight through the arbiter, 2..64.

    Members
    -------
    ports : ``n`` ReadPorts, in; the requesters. One that does not take its data blocks the others; see
        :class:`.reader.BurstReader`.
    port : ReadPort, out; the shared one.
    """

    def __init__(self, n: int, outstanding: int = 32) -> None:
        super().__init__(ReadPort(), "ar", n, outstanding)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        turns = self._take_turns(m)
        m.submodules.beats = beats = StreamRegister(8 * BUS_BYTES)
        wiring.connect(m, wiring.flipped(self.port.r), beats.i)
        with m.Switch(turns.owner):
            for index, port in enumerate(self.ports):
                m.d.comb += port.r.payload.eq(beats.o.payload)
                with m.Case(index):
                    m.d.comb += [
                        port.r.valid.eq(beats.o.valid & turns.owned),
                        beats.o.ready.eq(port.r.ready & turns.owned),
                    ]
        m.d.comb += turns.beat.eq(beats.o.valid & beats.o.ready)
        return m


class WriteArbiter(_Arbiter):
    """``n`` write ports onto one: up to one burst and one beat a cycle, each a cycle later.

    Parameters as for :class:`ReadArbiter`.

    Members
    -------
    ports : ``n`` WritePorts, in; the requesters. Beats are taken in the order in which the bursts were; one that
        announces a burst without its beats blocks the others; see :class:`.writer.BurstWriter`.
    port : WritePort, out; the shared one.
    """

    def __init__(self, n: int, outstanding: int = 32) -> None:
        super().__init__(WritePort(), "aw", n, outstanding)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        turns = self._take_turns(m)
        m.submodules.owners = owners = Queue(range(self._n), self._outstanding, buffered=False)  # whose answer is next
        m.submodules.beats = beats = StreamRegister(WriteBeat)
        wiring.connect(m, beats.o, wiring.flipped(self.port.w))
        m.d.comb += [
            turns.stall.eq(~owners.i.ready),
            owners.i.valid.eq(turns.granted),
            owners.i.payload.eq(turns.source),
            owners.o.ready.eq(self.port.b),
        ]
        with m.Switch(turns.owner):
            for index, port in enumerate(self.ports):
                with m.Case(index):
                    m.d.comb += [
                        beats.i.payload.eq(port.w.payload),
                        beats.i.valid.eq(port.w.valid & turns.owned),
                        port.w.ready.eq(beats.i.ready & turns.owned),
                    ]
        m.d.comb += turns.beat.eq(beats.i.valid & beats.i.ready)
        m.d.comb += [port.b.eq(self.port.b & (owners.o.payload == index)) for index, port in enumerate(self.ports)]
        return m
