"""The interrupt controller that PYNQ looks for between a block and the processor."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.interrupt_controller import interrupt_register
from gatewright.spec.registers import REGISTER_BYTES
from gatewright_hw.bus.axi import AxiLite, Resp

__all__ = ["InterruptController"]


class InterruptController(wiring.Component):
    """One level-sensitive interrupt behind the registers of :mod:`gatewright.spec.interrupt_controller`.

    *Transparent after reset*: ``irq`` is ``interrupt`` until software writes IER, SIE, CIE or MER, so that a UIO driver
    on the processor's line needs nothing of it. From then on, until the next reset, ``irq`` is
    ``interrupt & IER & MER.me & MER.hie``, which is what PYNQ's ``interrupt.py`` works with.

    A level is not latched: it ends where it comes from, and IAR has nothing to clear. (AMD's controller, acknowledged
    while the level is high, shows it once more after its end.)

    Members
    -------
    bus : AxiLite, in; with the address bits of a register block. Answers OKAY everywhere; where no register lies, reads
        give 0. Of a write, the lowest byte counts, since no register has more bits.
    interrupt : 1, in; level, active high.
    irq : 1, out; level, active high.
    """

    bus: In(AxiLite(exact_log2(REGISTER_BYTES)))
    interrupt: In(1)
    irq: Out(1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        bus = self.bus
        transparent = Signal(init=1)
        enabled = Signal()
        master = Signal()
        looks = Signal()
        status = self.interrupt & looks
        pending = status & enabled
        m.d.sync += self.irq.eq((self.interrupt & transparent) | (pending & master))

        # Handshakes as in the register block: an access at a time, answered in the cycle after it is taken.
        m.d.comb += bus.wready.eq(bus.awready)
        m.d.sync += bus.awready.eq(bus.awvalid & bus.wvalid & ~bus.awready & ~(bus.bvalid & ~bus.bready))
        m.d.sync += bus.arready.eq(bus.arvalid & ~bus.arready & ~(bus.rvalid & ~bus.rready))
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(bus.awready):
            m.d.sync += bus.bvalid.eq(1)
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        m.d.comb += [bus.bresp.eq(Resp.OKAY), bus.rresp.eq(Resp.OKAY)]

        with m.If(bus.arready):
            m.d.sync += [bus.rvalid.eq(1), bus.rdata.eq(0)]
            values = {"ISR": status, "IPR": pending, "IER": enabled, "MER": Cat(master, looks)}
            for name, value in values.items():
                with m.If(bus.araddr[2:] == interrupt_register(name).offset >> 2):
                    m.d.sync += bus.rdata.eq(value)

        bit = bus.wdata[0]
        effects = {
            "IER": [enabled.eq(bit)],
            "SIE": [enabled.eq(enabled | bit)],
            "CIE": [enabled.eq(enabled & ~bit)],
            "MER": [Cat(master, looks).eq(bus.wdata[:2])],
        }
        for name, effect in effects.items():
            at = bus.awaddr[2:] == interrupt_register(name).offset >> 2
            with m.If(bus.awready & bus.wstrb[0] & at):
                m.d.sync += [transparent.eq(0), *effect]
        return m
