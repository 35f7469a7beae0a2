"""The AXI4-Lite slave that holds the registers of :mod:`gatewright.spec.registers`."""

from amaranth.hdl import Cat, Module, Shape, ShapeCastable, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.registers import REGISTER_BYTES, REGISTERS, Access, Register, constants
from gatewright_hw.bus.axi import AxiLite, Resp

__all__ = ["RegisterBlock", "register_shape"]

REGISTER_BITS = 32
ADDRESS_BITS = exact_log2(REGISTER_BYTES)


def register_shape(entry: Register) -> Shape | ShapeCastable:
    """A register's fields as a 32-bit layout, or plain 32 bits when it has none."""
    if not entry.fields:
        return unsigned(REGISTER_BITS)
    fields = {field.name: data.Field(field.width, field.lsb) for field in entry.fields}
    return data.FlexibleLayout(REGISTER_BITS, fields)


def _members(entry: Register) -> dict[str, wiring.Member]:
    name, shape = entry.name.lower(), register_shape(entry)
    match entry.access:
        case Access.CONSTANT:
            return {}
        case Access.RO:
            return {name: In(shape)}
        case Access.RW | Access.COMMAND:
            return {name: Out(shape)}
        case Access.W1C:
            return {name: Out(shape), f"{name}_set": In(shape), f"{name}_clear": In(1)}


class RegisterBlock(wiring.Component):
    """Every register of the map, on one AXI4-Lite slave with registered outputs.

    An access takes two cycles besides the handshake of its answer. Byte strobes are honoured. Where no register lies,
    and where a register cannot be read, a read gives 0; a write that has no meaning is ignored; the answer is always
    OKAY, since an error response would kill the host process instead of telling it anything.

    Parameters
    ----------
    config : gives the CONSTANT registers their values.

    Members
    -------
    bus : AxiLite(ADDRESS_BITS), in.
    <name> : one member per register but the constants, in lower case, shaped by :func:`register_shape`: the value to
        show (RO, in), the value held (RW and W1C, out), or bits that are high for one cycle when written as 1
        (COMMAND, out).
    <name>_set : shaped likewise, in; for W1C registers, bits to set. Setting wins over clearing by a write.
    <name>_clear : 1, in; for W1C registers, clear all.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self._constants = constants(config)
        members: dict[str, wiring.Member] = {"bus": In(AxiLite(ADDRESS_BITS))}
        for entry in REGISTERS:
            members |= _members(entry)
        super().__init__(members)

    def _storage(self, m: Module, entry: Register, write: Value, bits: Value) -> Value:
        """Make one register; ``write`` is high when ``bus.wdata`` is for it, in the bits that are high in ``bits``.
        Returns its value."""
        name = entry.name.lower()
        if entry.access is Access.CONSTANT:
            return Value.cast(self._constants[entry.name])
        member = Value.cast(getattr(self, name))
        defined = sum(((1 << field.width) - 1) << field.lsb for field in entry.fields) or (1 << REGISTER_BITS) - 1
        ones = self.bus.wdata & bits & defined
        match entry.access:
            case Access.RO:
                return member & defined
            case Access.RW:
                with m.If(write):
                    m.d.sync += member.eq((member & ~bits) | ones)
            case Access.COMMAND:
                m.d.sync += member.eq(0)
                with m.If(write):
                    m.d.sync += member.eq(ones)
                return Value.cast(0)
            case Access.W1C:
                cleared = Signal(REGISTER_BITS, name=f"{name}_cleared")
                with m.If(write):
                    m.d.comb += cleared.eq(ones)
                with m.If(getattr(self, f"{name}_clear")):
                    m.d.comb += cleared.eq(~0)
                raised = Value.cast(getattr(self, f"{name}_set")) & defined
                m.d.sync += member.eq((member & ~cleared) | raised)
        return member

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        bus = self.bus

        # Write: address and data are taken together, in the cycle after both are there and the last answer is gone.
        m.d.comb += bus.wready.eq(bus.awready)
        m.d.sync += bus.awready.eq(bus.awvalid & bus.wvalid & ~bus.awready & ~(bus.bvalid & ~bus.bready))
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(bus.awready):
            m.d.sync += bus.bvalid.eq(1)
        bits = Cat(strobe.replicate(8) for strobe in bus.wstrb)

        # Read: likewise; the answer is made in the cycle of the address handshake.
        m.d.sync += bus.arready.eq(bus.arvalid & ~bus.arready & ~(bus.rvalid & ~bus.rready))
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        with m.If(bus.arready):
            m.d.sync += [bus.rvalid.eq(1), bus.rdata.eq(0)]
        m.d.comb += [bus.bresp.eq(Resp.OKAY), bus.rresp.eq(Resp.OKAY)]

        for entry in REGISTERS:
            value = self._storage(m, entry, bus.awready & (bus.awaddr[2:] == entry.offset >> 2), bits)
            with m.If(bus.arready & (bus.araddr[2:] == entry.offset >> 2)):
                m.d.sync += bus.rdata.eq(value)
        return m
