"""From the accelerator's AXI4 master to a memory port of a processing system."""

from __future__ import annotations

from amaranth.hdl import Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.axi import Axi3, Axi4
from gatewright_hw.bus.ports import ADDRESS_BITS

__all__ = ["HpPort"]

HIGHEST = {"addr": (1 << ADDRESS_BITS) - 1, "len": MAX_BURST_BEATS - 1, "size": exact_log2(BUS_BYTES)}
"""The largest values that the accelerator's master shows where a port may have fewer bits than AXI4."""

REQUEST = ("addr", "len", "size", "burst", "cache", "prot", "qos")
"""What an address channel passes on. Not its ID, which is constant, nor its lock: every access is a normal one."""


class HpPort(wiring.Component):
    """Wires alone: nothing is delayed, nothing is kept.

    Every transaction has ID 0, addresses and, in AXI3, write data alike: the port then answers in order, which is what
    the master expects. Addresses are widened with zeros; lengths and sizes lose bits that are never set.

    Parameters
    ----------
    port : the port's signature. Raises ValueError where its data have another width than the master's, or where one
        of its fields is too narrow for what the master says.

    Members
    -------
    master : Axi4, in; the accelerator's.
    port : Axi3 or Axi4 as given, out; the processing system's.
    """

    def __init__(self, port: Axi3 | Axi4) -> None:
        data_bits = port.members["wdata"].shape
        if data_bits != 8 * BUS_BYTES:
            raise ValueError(f"HpPort: the port has {data_bits} bits of data, allowed {8 * BUS_BYTES}")
        for name, highest in HIGHEST.items():
            bits, needed = port.members[f"aw{name}"].shape, highest.bit_length()
            if bits < needed:
                raise ValueError(f"HpPort: the port's aw{name} has {bits} bits, allowed at least {needed}")
        super().__init__({"master": In(Axi4()), "port": Out(port)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        master, port = self.master, self.port
        forward = [f"{channel}{name}" for channel in ("aw", "ar") for name in (*REQUEST, "valid")]
        forward += ["wdata", "wstrb", "wlast", "wvalid", "bready", "rready"]
        back = ["awready", "wready", "arready", "bresp", "bvalid", "rdata", "rresp", "rlast", "rvalid"]
        for names, source, sink in ((forward, master, port), (back, port, master)):
            for name in names:
                value, target = Value.cast(getattr(source, name)), getattr(sink, name)
                m.d.comb += target.eq(value[: len(target)])
        return m
