"""The least engine that moves data, so that sequencer and bus can be tested without a kernel."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring

from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.bus.reader import BurstReader
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.engines.interface import EngineSignature

__all__ = ["HASTE", "CopyEngine"]

HASTE = 63


class CopyEngine(wiring.Component):
    """Whatever the opcode: copies as many beats as word 6 says from the address in word 1 to the address in word 3,
    every bit inverted, and reports bits 31:24 of word 7 as its error. With bit 23 of word 7 it writes the command
    itself instead, over and over, so that every bit of it is seen. With bit 22 it is done so many cycles after its last
    beat, ``HASTE``, whether the memory has answered or not.

    It takes a command when that has been offered for a cycle, as an engine may that is not at rest yet."""

    def __init__(self) -> None:
        super().__init__(EngineSignature())

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = BurstReader(32, 4)
        m.submodules.writer = writer = BurstWriter(32)
        wiring.connect(m, reader.port, wiring.flipped(self.read[0]))
        wiring.connect(m, writer.port, wiring.flipped(self.write))
        command = Signal(len(self.command.payload))
        told = Signal(len(command))  # the command, turned to the beat that is next
        words = [command[start : start + 32] for start in range(0, len(command), 32)]
        m.d.comb += [
            reader.descriptor.payload.addr.eq(words[1]),
            reader.descriptor.payload.beats.eq(words[6]),
            writer.descriptor.payload.addr.eq(words[3]),
            writer.descriptor.payload.beats.eq(words[6]),
            writer.data.payload.data.eq(Mux(words[7][23], told, ~reader.data.payload)),
            writer.data.payload.strb.eq(~0),
            writer.data.valid.eq(reader.data.valid),
            reader.data.ready.eq(writer.data.ready),
        ]
        left, since = Signal(32), Signal(range(HASTE + 1))
        with m.If(writer.data.valid & writer.data.ready):
            m.d.sync += [told.eq(told.rotate_right(8 * BUS_BYTES)), left.eq(left - 1), since.eq(0)]
        with m.Elif(since != HASTE):
            m.d.sync += since.eq(since + 1)
        with m.FSM():
            with m.State("IDLE"), m.If(self.command.valid):
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.command.ready.eq(1)
                with m.If(self.command.valid):
                    m.d.sync += [command.eq(self.command.payload), told.eq(self.command.payload)]
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += [reader.descriptor.valid.eq(1), writer.descriptor.valid.eq(1)]
                m.d.sync += left.eq(words[6])
                m.next = "COPY"  # both are idle, hence ready
            with m.State("COPY"), m.If(writer.idle | words[7][22] & (left == 0) & (since == HASTE)):
                m.d.comb += [self.done.eq(1), self.error.eq(words[7][24:])]
                m.next = "IDLE"
        return m
