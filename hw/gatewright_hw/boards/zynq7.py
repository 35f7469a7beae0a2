"""Tops for Zynq-7000: the accelerator and the primitive PS7, without a vendor's block design."""

from __future__ import annotations

from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Instance, IOPort, Module, ResetSignal, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.boards import Board
from gatewright_hw.boards.accelerator import BoardAccelerator
from gatewright_hw.boards.gp_port import GpPort
from gatewright_hw.boards.ps7_ports import AXI_PORTS, PS7_PORTS, Direction, tie
from gatewright_hw.boards.resets import SynchronisedReset
from gatewright_hw.top import Top

__all__ = ["Zynq7Core", "Zynq7Top"]

GP, HP = AXI_PORTS["M_AXI_GP0"], AXI_PORTS["S_AXI_HP0"]


class Zynq7Core(wiring.Component):
    """All of the top but PS7 and the clock's buffer, so that a simulation can stand in for these.

    Parameters
    ----------
    board : where the registers lie, and which memory ports it has.
    top : the accelerator.

    Members
    -------
    clk : 1, in; fabric clock 0.
    resetn : 1, in; fabric reset 0: low at any time, and high again at any time. The reset that follows from it ends
        with the clock. Nothing rests on what registers hold before it.
    gp0 : Axi3, in; registers, see :class:`.gp_port.GpPort`.
    gp1 : Axi3, in; nothing is there, and every access is told so.
    hp0, hp1, ... : Axi3, out; a memory port for each of the accelerator's masters.
    irq : 1, out; level, active high.

    Attributes
    ----------
    hp_names : the names of the memory ports.
    """

    def __init__(self, board: Board, top: Top) -> None:
        self._accelerator = BoardAccelerator(top, board, GP, HP)
        self.hp_names = self._accelerator.hp_names
        hp = {name: Out(HP) for name in self.hp_names}
        super().__init__({"clk": In(1), "resetn": In(1), "gp0": In(GP), "gp1": In(GP), **hp, "irq": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += ClockSignal().eq(self.clk)
        m.submodules.reset = reset = SynchronisedReset()
        m.d.comb += [reset.resetn.eq(self.resetn), ResetSignal().eq(reset.reset)]
        m.submodules.accelerator = inner = self._accelerator
        m.submodules.gp1_port = nobody = GpPort(GP, None)
        wiring.connect(m, wiring.flipped(self.gp0), inner.gp)
        wiring.connect(m, wiring.flipped(self.gp1), nobody.port)
        for name in inner.hp_names:
            wiring.connect(m, getattr(inner, name), wiring.flipped(getattr(self, name)))
        m.d.comb += self.irq.eq(inner.irq)
        return m


class Zynq7Top(wiring.Component):
    """The whole fabric of a Zynq-7000 board. Its only ports are pads of the processing system, if any.

    Every AXI port of PS7 is clocked, also one that is not used: registers of a port without a clock hold the processor
    that reads them. PS7 needs no parameters; clocks, memory and pins are set by whoever boots the board.

    Parameters
    ----------
    board : where the registers lie, and which memory ports its accelerator's masters use.
    top : the accelerator.
    pads : bring the processing system's pads out, each through a BIBUF, as Vivado wants it and its own block for the
        processing system (``processing_system7``) does; nextpnr wants them left alone.
    """

    def __init__(self, board: Board, top: Top, pads: bool = False) -> None:
        self._core = Zynq7Core(board, top)
        self._board = board
        self._pads = pads
        super().__init__({})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self._core
        fclk = Signal(4)
        fclk_resetn = Signal(4)
        m.submodules.clock_buffer = Instance("BUFG", i_I=fclk[0], o_O=core.clk)
        m.d.comb += core.resetn.eq(fclk_resetn[0])

        interrupts = Cat(core.irq, Const(0, PS7_PORTS["IRQF2P"].width - 1))
        used: dict[str, Value] = {"FCLKCLK": fclk, "FCLKRESETN": fclk_resetn, "IRQF2P": interrupts}
        used |= {f"{_prefix(port)}ACLK": core.clk for port in AXI_PORTS}
        hp = zip(self._board.memory_ports, core.hp_names, strict=False)
        for port, member in (("M_AXI_GP0", "gp0"), ("M_AXI_GP1", "gp1"), *hp):
            interface = getattr(core, member)
            used |= {f"{_prefix(port)}{name.upper()}": getattr(interface, name) for name in AXI_PORTS[port].members}
        pads = self._buffered(m) if self._pads else {}
        m.submodules.ps7 = Instance("PS7", a_DONT_TOUCH="TRUE", **self._connections(used), **pads)
        return m

    def _buffered(self, m: Module) -> dict[str, Value]:
        """What goes to each pad of PS7: a wire between its pin and that of a BIBUF, both of which drive in turn.

        Amaranth has no such wires inside a design. In Verilog a wire has no direction, so we name one of either pin's.
        """
        connections: dict[str, Value] = {}
        for name, port in PS7_PORTS.items():
            if port.direction is Direction.PAD:
                pad, wire = IOPort(port.width, name=name), Signal(port.width, name=f"buffered_{name}")
                for bit in range(port.width):
                    m.submodules[f"{name}_{bit}"] = Instance("BIBUF", io_PAD=pad[bit], o_IO=wire[bit])
                connections[f"i_{name}"] = wire
        return connections

    def _connections(self, used: dict[str, Value]) -> dict[str, Value]:
        """What goes to each port of PS7: every input is driven, and outputs that nothing reads are left open."""
        connections: dict[str, Value] = {}
        for name, port in PS7_PORTS.items():
            if name in used and len(used[name]) != port.width:
                raise ValueError(f"PS7 port {name} is given {len(used[name])} bits, allowed {port.width}")
            match port.direction:
                case Direction.INPUT:
                    connections[f"i_{name}"] = used.get(name, Const(tie(name), port.width))
                case Direction.OUTPUT if name in used:
                    connections[f"o_{name}"] = used[name]
        return connections


def _prefix(port: str) -> str:
    """How the primitive's names for an AXI port begin."""
    return port.replace("_", "")
