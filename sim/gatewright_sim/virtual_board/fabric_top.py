"""A board's whole fabric for the simulator: all of its top but the processing system, behind the harness's ports."""

from __future__ import annotations

import inspect
from pathlib import Path

from amaranth.hdl import Cat, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.cache import cached_directory, digest
from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.registers import BLOCK_NAME
from gatewright_hw.boards.resets import POWER_ON_COUNTER
from gatewright_hw.boards.zynq7 import Zynq7Core
from gatewright_hw.boards.zynqmp import ZynqMpCore
from gatewright_hw.bus.axi import Axi4, AxiLite, BurstType, master_name
from gatewright_hw.generate import design_hash
from gatewright_hw.top import Top
from gatewright_hw.verilog import to_verilog
from gatewright_sim.powerup import without_initial_values

__all__ = ["FabricTop", "fabric_verilog"]

ADDRESS_BITS = 32
WORD_SIZE = 2
ACCESS_ID = 0x5A5
"""Of every access to the registers: anything but 0, which a design could answer by chance."""

ANSWERS = {"ar": ("arready", "rdata", "rresp", "rvalid"), "aw": ("awready", "wready", "bresp", "bvalid")}
"""What a port says of reads, and of writes."""

_FILE = "fabric.v"


class FabricTop(wiring.Component):
    """The fabric of ``board`` with the accelerator of ``config``, and the ports that the harness knows.

    An access of the harness is a burst of one beat at the processing system's general-purpose port.

    Members
    -------
    clk, rst : 1, in; ``rst`` is the fabric's reset, where the processing system gives one.
    s_axil : AxiLite, in; by physical addresses. One access at a time: the address stays until the answer is there.
    m_axi, m_axi_1, ... : Axi4, out; the memory ports.
    irq : 1, out.
    """

    def __init__(self, board: Board, config: AcceleratorConfig) -> None:
        self._zynq7 = board.family is Family.ZYNQ7
        self._core = Zynq7Core(board, Top(config)) if self._zynq7 else ZynqMpCore(board, Top(config))
        self._masters = [master_name(port) for port in range(len(self._core.hp_names))]
        bus = {"s_axil": In(AxiLite(ADDRESS_BITS)), **{name: Out(Axi4()) for name in self._masters}}
        super().__init__({"clk": In(1), "rst": In(1), **bus, "irq": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self._core
        m.d.comb += [core.clk.eq(self.clk), self.irq.eq(core.irq)]
        if self._zynq7:
            m.d.comb += core.resetn.eq(~self.rst)
        self._connect_registers(m, [core.gp0, core.gp1] if self._zynq7 else [core.gp0])
        for name, port in zip(self._masters, core.hp_names, strict=True):
            self._connect_memory(m, getattr(self, name), getattr(core, port))
        return m

    def _connect_registers(self, m: Module, ports: list[wiring.PureInterface]) -> None:
        """Of two ports, the second has the upper half of the addresses."""
        bus = self.s_axil
        upper = {channel: getattr(bus, f"{channel}addr")[-1] if len(ports) > 1 else Const(0) for channel in ANSWERS}
        for index, port in enumerate(ports):
            for channel in ANSWERS:
                valid = getattr(bus, f"{channel}valid") & (upper[channel] == index)
                fields = {"addr": getattr(bus, f"{channel}addr"), "valid": valid, "id": ACCESS_ID}
                fields |= {"size": WORD_SIZE, "burst": BurstType.INCR}
                m.d.comb += [getattr(port, f"{channel}{name}").eq(value) for name, value in fields.items()]
            m.d.comb += [port.wdata.eq(bus.wdata), port.wstrb.eq(bus.wstrb), port.wlast.eq(1)]
            m.d.comb += port.wvalid.eq(bus.wvalid & (upper["aw"] == index))
            m.d.comb += [port.bready.eq(bus.bready), port.rready.eq(bus.rready)]
            if hasattr(port, "wid"):
                m.d.comb += port.wid.eq(ACCESS_ID)
        for channel, names in ANSWERS.items():
            for name in names:
                m.d.comb += getattr(bus, name).eq(
                    Mux(upper[channel], getattr(ports[-1], name), getattr(ports[0], name))
                )

    def _connect_memory(self, m: Module, bus: wiring.PureInterface, port: wiring.PureInterface) -> None:
        """The harness checks IDs by one bit: any bit of them."""
        for channel in ("aw", "ar"):
            for name in ("addr", "len", "size", "burst", "valid"):
                m.d.comb += getattr(bus, channel + name).eq(getattr(port, channel + name))
            m.d.comb += getattr(port, f"{channel}ready").eq(getattr(bus, f"{channel}ready"))
        write_ids = [port.awid, *([port.wid] if hasattr(port, "wid") else [])]
        m.d.comb += [bus.awid.eq(Cat(*write_ids).any()), bus.arid.eq(port.arid.any())]
        for name in ("wdata", "wstrb", "wlast", "wvalid", "bready", "rready"):
            m.d.comb += getattr(bus, name).eq(getattr(port, name))
        for name in ("wready", "bresp", "bvalid", "rdata", "rresp", "rlast", "rvalid"):
            m.d.comb += getattr(port, name).eq(getattr(bus, name))


def fabric_verilog(board: Board, config: AcceleratorConfig) -> str:
    """Verilog of :class:`FabricTop`, from the cache when nothing has changed; registers hold anything at power-on."""

    def make(path: Path) -> None:
        text = to_verilog(FabricTop(board, config), BLOCK_NAME)
        (path / _FILE).write_text(without_initial_values(text, keep=POWER_ON_COUNTER))

    makers = (FabricTop, without_initial_values)
    key = digest(design_hash(config), board.name, *(Path(inspect.getfile(maker)).read_bytes() for maker in makers))
    folder = cached_directory("verilog", key, make)
    return (folder / _FILE).read_text()
