"""The AXI4 master: one read port and one write port onto the bus."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.axi import Axi4, BurstType, Resp
from gatewright_hw.bus.ports import LEN_BITS, Burst, ReadPort, WriteBeat, WritePort
from gatewright_hw.parts.parameters import in_range
from gatewright_hw.parts.queue import Queue
from gatewright_hw.parts.stream_register import StreamRegister

__all__ = ["AxiMaster", "BusErrors"]

CACHE = 0b0011  # normal, non-cacheable, bufferable


class BusErrors(data.Struct):
    """Error responses seen."""

    read_slverr: 1
    read_decerr: 1
    write_slverr: 1
    write_decerr: 1


class AxiMaster(wiring.Component):
    """Puts bursts on the AXI4 bus; every output is registered. Error responses do not disturb the data flow, but are
    remembered.

    It can be drained: then it lets no further burst in, throws read data away and fills up announced writes with
    beats that have no byte enabled, so that the bus comes to rest whatever state the requesters are in, and they can
    be reset.

    Parameters
    ----------
    outstanding : most bursts in flight in each direction, 2..64.

    Members
    -------
    read, write : ReadPort, WritePort, in; the requesters'.
    axi : Axi4, out; the bus.
    clear : 1, in; forget the errors.
    errors : BusErrors, out; error responses since ``clear``. A write's error is visible with its ``b``, a read's with
        its beat.
    drain : 1, in; bring the bus to rest.
    quiet : 1, out; no transaction is open.
    read_beat, write_beat : 1, out; a beat crosses the bus in this cycle.
    """

    read: In(ReadPort())
    write: In(WritePort())
    axi: Out(Axi4())
    clear: In(1)
    errors: Out(BusErrors)
    drain: In(1)
    quiet: Out(1)
    read_beat: Out(1)
    write_beat: Out(1)

    def __init__(self, outstanding: int = 32) -> None:
        self._outstanding = in_range("AxiMaster", "outstanding", outstanding, 2, 64)
        super().__init__()

    def _request(self, m: Module, channel: str, bursts: wiring.PureInterface, closed: Signal) -> tuple[Signal, Signal]:
        """Drive one address channel. ``closed`` is high when a burst ends. Returns whether any is open, and the
        handshake."""
        register = StreamRegister(Burst)
        m.submodules[channel] = register
        pending = Signal(range(self._outstanding + 1), name=f"{channel}_pending")
        admit = ~self.drain & (pending != self._outstanding)
        taken = register.i.valid & register.i.ready
        valid, ready = getattr(self.axi, f"{channel}valid"), getattr(self.axi, f"{channel}ready")
        m.d.comb += [
            register.i.payload.eq(bursts.payload),
            register.i.valid.eq(bursts.valid & admit),
            bursts.ready.eq(register.i.ready & admit),
            valid.eq(register.o.valid),
            register.o.ready.eq(ready),
        ]
        constants = {"size": exact_log2(BUS_BYTES), "burst": BurstType.INCR, "cache": CACHE}
        payload = {"addr": register.o.payload.addr, "len": register.o.payload.len, **constants}
        m.d.comb += [getattr(self.axi, f"{channel}{name}").eq(value) for name, value in payload.items()]
        m.d.sync += pending.eq(pending + taken - closed)
        return pending != 0, valid & ready

    def _read(self, m: Module) -> Signal:
        axi = self.axi
        m.submodules.r = beats = StreamRegister(8 * BUS_BYTES)
        m.d.comb += [
            beats.i.payload.eq(axi.rdata),
            beats.i.valid.eq(axi.rvalid),
            axi.rready.eq(beats.i.ready),
            self.read.r.payload.eq(beats.o.payload),
            self.read.r.valid.eq(beats.o.valid & ~self.drain),
            beats.o.ready.eq(self.read.r.ready | self.drain),
            self.read_beat.eq(axi.rvalid & axi.rready),
        ]
        open_reads, _ = self._request(m, "ar", self.read.ar, self.read_beat & axi.rlast)
        return open_reads | beats.o.valid

    def _write(self, m: Module) -> Signal:
        axi = self.axi
        answered = axi.bvalid & axi.bready
        open_writes, announced = self._request(m, "aw", self.write.aw, answered)
        # Beats follow the address handshake, never precede it.
        # Three at least: a buffered queue of two cannot take lengths in two cycles that follow each other.
        m.submodules.lengths = lengths = Queue(LEN_BITS, max(self._outstanding, 3))
        layout = data.StructLayout({"beat": WriteBeat, "last": 1})
        m.submodules.w = beats = StreamRegister(layout)
        beat = Signal(LEN_BITS)
        last = Signal()
        m.d.comb += [
            lengths.i.payload.eq(axi.awlen),
            lengths.i.valid.eq(announced),
            last.eq(beat == lengths.o.payload),
            beats.i.payload.beat.data.eq(self.write.w.payload.data),
            beats.i.payload.beat.strb.eq(Mux(self.drain, 0, self.write.w.payload.strb)),
            beats.i.payload.last.eq(last),
            beats.i.valid.eq(lengths.o.valid & (self.write.w.valid | self.drain)),
            self.write.w.ready.eq(lengths.o.valid & beats.i.ready & ~self.drain),
            lengths.o.ready.eq(beats.i.valid & beats.i.ready & last),
            axi.wdata.eq(beats.o.payload.beat.data),
            axi.wstrb.eq(beats.o.payload.beat.strb),
            axi.wlast.eq(beats.o.payload.last),
            axi.wvalid.eq(beats.o.valid),
            beats.o.ready.eq(axi.wready),
            axi.bready.eq(1),
            self.write_beat.eq(axi.wvalid & axi.wready),
        ]
        with m.If(beats.i.valid & beats.i.ready):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
        m.d.sync += self.write.b.eq(answered & ~self.drain)
        return open_writes

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        axi, errors = self.axi, self.errors
        m.d.comb += self.quiet.eq(~(self._read(m) | self._write(m)))
        with m.If(self.clear):
            m.d.sync += errors.eq(0)
        for valid, resp, slverr, decerr in (
            (self.read_beat, axi.rresp, errors.read_slverr, errors.read_decerr),
            (axi.bvalid & axi.bready, axi.bresp, errors.write_slverr, errors.write_decerr),
        ):
            with m.If(valid & (resp == Resp.SLVERR)):
                m.d.sync += slverr.eq(1)
            with m.If(valid & (resp == Resp.DECERR)):
                m.d.sync += decerr.eq(1)
        return m
