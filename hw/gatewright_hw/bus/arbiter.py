"""Share one memory port among several requesters: round robin by burst, data routed in order by a queue of tags."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO, SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.ports import LEN_BITS, Burst, ReadPort, WriteBeat, WritePort
from gatewright_hw.engines.parts.stream_register import StreamRegister

__all__ = ["ReadArbiter", "WriteArbiter"]


class _Grant(wiring.Component):
    """Round robin choice of one burst stream among ``n``, one burst a cycle, into a registered stream.

    Members
    -------
    requests : the requesters' bursts.
    burst : the chosen burst, registered.
    stall : no burst is accepted while it is high.
    source, taken, len : which requester's burst is accepted in this cycle, whether one is, and its AXI length.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        bursts = ReadPort().members["ar"].signature
        super().__init__(
            {
                "requests": In(bursts).array(n),
                "burst": Out(bursts),
                "stall": In(1),
                "source": Out(range(n)),
                "taken": Out(1),
                "len": Out(LEN_BITS),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.register = register = StreamRegister(Burst)
        wiring.connect(m, register.o, wiring.flipped(self.burst))
        last = Signal(range(self._n))
        with m.Switch(last):
            for current in range(self._n):
                with m.Case(current):
                    # The requester just after the last one served is assigned last, hence wins.
                    for distance in range(self._n, 0, -1):
                        candidate = (current + distance) % self._n
                        with m.If(self.requests[candidate].valid):
                            m.d.comb += self.source.eq(candidate)
        with m.Switch(self.source):
            for index, request in enumerate(self.requests):
                with m.Case(index):
                    m.d.comb += [
                        register.i.payload.eq(request.payload),
                        register.i.valid.eq(request.valid & ~self.stall),
                        request.ready.eq(register.i.ready & ~self.stall),
                    ]
        m.d.comb += [self.taken.eq(register.i.valid & register.i.ready), self.len.eq(register.i.payload.len)]
        with m.If(self.taken):
            m.d.sync += last.eq(self.source)
        return m


def _check(name: str, n: int, outstanding: int) -> None:
    for what, value, low, high in (("n", n, 1, 16), ("outstanding", outstanding, 2, 64)):
        if not low <= value <= high:
            raise ValueError(f"{name}: {what} is {value}, allowed {low}..{high}")


def _tag(n: int) -> data.StructLayout:
    """The requester that a burst belongs to, and the burst's AXI length."""
    return data.StructLayout({"source": range(n), "len": LEN_BITS})


def _count_beats(m: Module, transfer: Signal, tag: data.View) -> Signal:
    """High with the last beat of the burst that ``tag`` describes; ``transfer`` is high for each beat."""
    beat = Signal(LEN_BITS)
    last = Signal()
    m.d.comb += last.eq(transfer & (beat == tag.len))
    with m.If(last):
        m.d.sync += beat.eq(0)
    with m.Elif(transfer):
        m.d.sync += beat.eq(beat + 1)
    return last


class ReadArbiter(wiring.Component):
    """``n`` read ports onto one.

    Parameters
    ----------
    n : requesters, 1..16.
    outstanding : most bursts in flight through the arbiter, 2..64.

    Members
    -------
    ports : the requesters. One that does not take its data blocks the others; see :class:`.reader.BurstReader`.
    port : the shared port.
    """

    def __init__(self, n: int, outstanding: int = 32) -> None:
        _check("ReadArbiter", n, outstanding)
        self._n = n
        self._outstanding = outstanding
        super().__init__({"ports": In(ReadPort()).array(n), "port": Out(ReadPort())})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        layout = _tag(self._n)
        m.submodules.grant = grant = _Grant(self._n)
        m.submodules.tags = tags = SyncFIFOBuffered(width=layout.size, depth=self._outstanding)
        m.submodules.beats = beats = StreamRegister(8 * BUS_BYTES)
        for requester, port in zip(grant.requests, self.ports, strict=True):
            wiring.connect(m, wiring.flipped(port.ar), requester)
        wiring.connect(m, grant.burst, wiring.flipped(self.port.ar))
        wiring.connect(m, wiring.flipped(self.port.r), beats.i)
        request, tag = data.View(layout, tags.w_data), data.View(layout, tags.r_data)
        m.d.comb += [
            grant.stall.eq(~tags.w_rdy),
            tags.w_en.eq(grant.taken),
            request.source.eq(grant.source),
            request.len.eq(grant.len),
        ]
        with m.Switch(tag.source):
            for index, port in enumerate(self.ports):
                m.d.comb += port.r.payload.eq(beats.o.payload)
                with m.Case(index):
                    m.d.comb += [
                        port.r.valid.eq(beats.o.valid & tags.r_rdy),
                        beats.o.ready.eq(port.r.ready & tags.r_rdy),
                    ]
        m.d.comb += tags.r_en.eq(_count_beats(m, beats.o.valid & beats.o.ready, tag))
        return m


class WriteArbiter(wiring.Component):
    """``n`` write ports onto one.

    Parameters
    ----------
    n : requesters, 1..16.
    outstanding : most bursts in flight through the arbiter, 2..64.

    Members
    -------
    ports : the requesters. Beats are taken in the order in which the bursts were; a requester that announces a burst
        without its beats blocks the others; see :class:`.writer.BurstWriter`.
    port : the shared port.
    """

    def __init__(self, n: int, outstanding: int = 32) -> None:
        _check("WriteArbiter", n, outstanding)
        self._n = n
        self._outstanding = outstanding
        super().__init__({"ports": In(WritePort()).array(n), "port": Out(WritePort())})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        layout = _tag(self._n)
        m.submodules.grant = grant = _Grant(self._n)
        m.submodules.tags = tags = SyncFIFOBuffered(width=layout.size, depth=self._outstanding)  # whose beats come next
        m.submodules.owners = owners = SyncFIFO(
            width=len(grant.source), depth=self._outstanding
        )  # whose answer is next
        m.submodules.beats = beats = StreamRegister(WriteBeat)
        for requester, port in zip(grant.requests, self.ports, strict=True):
            wiring.connect(m, wiring.flipped(port.aw), requester)
        wiring.connect(m, grant.burst, wiring.flipped(self.port.aw))
        wiring.connect(m, beats.o, wiring.flipped(self.port.w))

        request, tag = data.View(layout, tags.w_data), data.View(layout, tags.r_data)
        m.d.comb += [
            grant.stall.eq(~tags.w_rdy | ~owners.w_rdy),
            tags.w_en.eq(grant.taken),
            request.source.eq(grant.source),
            request.len.eq(grant.len),
            owners.w_en.eq(grant.taken),
            owners.w_data.eq(grant.source),
        ]
        with m.Switch(tag.source):
            for index, port in enumerate(self.ports):
                with m.Case(index):
                    m.d.comb += [
                        beats.i.payload.eq(port.w.payload),
                        beats.i.valid.eq(port.w.valid & tags.r_rdy),
                        port.w.ready.eq(beats.i.ready & tags.r_rdy),
                    ]
        m.d.comb += tags.r_en.eq(_count_beats(m, beats.i.valid & beats.i.ready, tag))
        m.d.comb += owners.r_en.eq(self.port.b)
        for index, port in enumerate(self.ports):
            m.d.comb += port.b.eq(self.port.b & (owners.r_data == index))
        return m
