"""One engine alone behind an AXI4 master, so that its benches need no sequencer."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import COMMAND_BYTES
from gatewright_hw.bus.axi import Axi4, master_name
from gatewright_hw.bus.master import AxiMaster, BusErrors
from gatewright_hw.engines.interface import ERROR_BITS

__all__ = ["EngineTop"]


class EngineTop(wiring.Component):
    """``engine`` with its memory ports on a bus.

    In Verilog the ports are ``clk``, ``rst``, ``command_payload`` (512 bits), ``command_valid``, ``command_ready``,
    ``done``, ``error``, ``clear``, ``bus_errors`` (bits: read SLVERR, read DECERR, write SLVERR, write DECERR) and
    ``m_axi_*``, with ``m_axi_1_*`` and so on for further read ports.
    """

    def __init__(self, engine: wiring.Component) -> None:
        self._engine = engine
        self._masters = [master_name(port) for port in range(len(engine.read))]
        super().__init__(
            {
                "command": In(stream.Signature(8 * COMMAND_BYTES)),
                "done": Out(1),
                "error": Out(ERROR_BITS),
                "clear": In(1),
                "bus_errors": Out(BusErrors),
                **{name: Out(Axi4()) for name in self._masters},
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self._engine
        wiring.connect(m, wiring.flipped(self.command), engine.command)
        masters = [AxiMaster() for _ in self._masters]
        for index, (name, read, master) in enumerate(zip(self._masters, engine.read, masters, strict=True)):
            m.submodules[f"master_{index}"] = master
            wiring.connect(m, read, master.read)
            wiring.connect(m, master.axi, wiring.flipped(getattr(self, name)))
            m.d.comb += master.clear.eq(self.clear)
        wiring.connect(m, engine.write, masters[0].write)
        m.d.comb += [
            self.done.eq(engine.done),
            self.error.eq(engine.error),
            self.bus_errors.eq(reduce(or_, (master.errors.as_value() for master in masters))),
        ]
        return m
