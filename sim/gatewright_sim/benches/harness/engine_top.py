"""One engine alone behind an AXI4 master, so that its benches need no sequencer."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.memory import COMMAND_BYTES
from gatewright_hw.bus.axi import Axi4
from gatewright_hw.bus.master import AxiMaster, BusErrors
from gatewright_hw.engines.interface import ERROR_BITS

__all__ = ["EngineTop"]


class EngineTop(wiring.Component):
    """``engine`` with its memory ports on a bus.

    In Verilog the ports are ``clk``, ``rst``, ``command_payload`` (512 bits), ``command_valid``, ``command_ready``,
    ``done``, ``error``, ``clear``, ``bus_errors`` (bits: read SLVERR, read DECERR, write SLVERR, write DECERR) and
    ``m_axi_*``.
    """

    command: In(stream.Signature(8 * COMMAND_BYTES))
    done: Out(1)
    error: Out(ERROR_BITS)
    clear: In(1)
    bus_errors: Out(BusErrors)
    m_axi: Out(Axi4())

    def __init__(self, engine: wiring.Component) -> None:
        self._engine = engine
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = self._engine
        m.submodules.master = master = AxiMaster()
        wiring.connect(m, wiring.flipped(self.command), engine.command)
        wiring.connect(m, engine.read, master.read)
        wiring.connect(m, engine.write, master.write)
        wiring.connect(m, master.axi, wiring.flipped(self.m_axi))
        m.d.comb += [
            self.done.eq(engine.done),
            self.error.eq(engine.error),
            master.clear.eq(self.clear),
            self.bus_errors.eq(master.errors),
        ]
        return m
