"""Tops for Zynq UltraScale+: the accelerator and the vendor's processing system block, which ``create_ip`` makes in
Tcl as :func:`ip_configuration` says."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, ClockSignal, Const, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.boards import Board
from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.boards.accelerator import BoardAccelerator
from gatewright_hw.boards.resets import PowerOnReset
from gatewright_hw.bus.axi import Axi4
from gatewright_hw.top import Top

__all__ = ["IP_MODULE", "IP_VLNV", "ZynqMpCore", "ZynqMpTop", "ip_configuration"]

GP = Axi4(id_bits=16, address_bits=40, data_bits=32)
"""M_AXI_HPM0_FPD, but its user signals (UG1085, chapter 35)."""
HP = Axi4(id_bits=6, address_bits=49, data_bits=8 * BUS_BYTES)
"""S_AXI_HPn_FPD, but its user signals."""

IP_MODULE = "gatewright_processing_system"
"""The module that ``create_ip -module_name`` makes."""
IP_VLNV = "xilinx.com:ip:zynq_ultra_ps_e"

_HP_PORTS = {f"S_AXI_HP{i}_FPD": (f"gp{i + 2}", f"saxihp{i}_fpd_aclk") for i in range(4)}
"""What the block calls a memory port (it counts the coherent ones first), and the port's clock."""


def ip_configuration(board: Board, masters: int) -> dict[str, int]:
    """Parameters of the block, without ``CONFIG.``, that its ports follow from; the fabric clock's frequency
    (``PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ``) is the build's.

    ``masters`` of the accelerator use as many of ``board``'s memory ports.
    """
    memory: dict[str, int] = {}
    for port in board.memory_ports[:masters]:
        name = _HP_PORTS[port][0].upper()
        memory |= {
            f"PSU__USE__S_AXI_{name}": 1,
            f"PSU__SAXI{name}__DATA_WIDTH": 8 * BUS_BYTES,
            f"PSU__USE_DIFF_RW_CLK_{name}": 0,  # one clock for reads and writes
        }
    return {
        "PSU__USE__M_AXI_GP0": 1,  # HPM0_FPD
        "PSU__MAXIGP0__DATA_WIDTH": 32,
        "PSU__USE__M_AXI_GP1": 0,  # HPM1_FPD
        "PSU__USE__M_AXI_GP2": 0,  # HPM0_LPD
        **memory,
        "PSU__USE__IRQ0": 1,
        "PSU__USE__FABRIC__RST": 0,
        "PSU__FPGA_PL0_ENABLE": 1,
    }


class ZynqMpCore(wiring.Component):
    """All of the top but the processing system: as :class:`.zynq7.Zynq7Core`, but for what this family has otherwise.

    Its clock is buffered, nobody resets it from outside, and nothing asks at a second register port; ``gp0`` and the
    memory ports are AXI4.
    """

    def __init__(self, board: Board, top: Top) -> None:
        self._accelerator = BoardAccelerator(top, board, GP, HP)
        self.hp_names = self._accelerator.hp_names
        hp = {name: Out(HP) for name in self.hp_names}
        super().__init__({"clk": In(1), "gp0": In(GP), **hp, "irq": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.reset = reset = PowerOnReset()
        m.submodules.accelerator = inner = self._accelerator
        m.d.comb += [ClockSignal().eq(self.clk), ResetSignal().eq(reset.reset), self.irq.eq(inner.irq)]
        wiring.connect(m, wiring.flipped(self.gp0), inner.gp)
        for name in self.hp_names:
            wiring.connect(m, getattr(inner, name), wiring.flipped(getattr(self, name)))
        return m


class ZynqMpTop(wiring.Component):
    """The whole fabric of a Zynq UltraScale+ board. It has no ports.

    The reset is the fabric's own: ``pl_resetn0`` is a GPIO line of the processing system that only some boot firmware
    drives.

    Parameters
    ----------
    board : where the registers lie, and which memory ports its accelerator's masters use.
    top : the accelerator.
    """

    def __init__(self, board: Board, top: Top) -> None:
        self._core = ZynqMpCore(board, top)
        self._board = board
        super().__init__({})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.core = core = self._core
        connections: dict[str, Value] = {
            "o_pl_clk0": core.clk,
            "i_maxihpm0_fpd_aclk": core.clk,
            "i_pl_ps_irq0": core.irq,
            **_connections(core.gp0, GP, "maxigp0", master=True),
        }
        for port, name in zip(self._board.memory_ports, core.hp_names, strict=False):
            block_port, clock = _HP_PORTS[port]
            prefix = f"saxi{block_port}"
            connections[f"i_{clock}"] = core.clk
            connections |= _connections(getattr(core, name), HP, prefix, master=False)
            connections |= {f"i_{prefix}_{channel}user": Const(0, 1) for channel in ("aw", "ar")}
        m.submodules.processing_system = Instance(IP_MODULE, **connections)
        return m


def _connections(interface: wiring.PureInterface, signature: Axi4, prefix: str, *, master: bool) -> dict[str, Value]:
    """The block's ports of one AXI port, of which it is the master or the slave."""
    found = {}
    for name, member in signature.members.items():
        inward = (member.flow is In) is master
        found[f"{'i' if inward else 'o'}_{prefix}_{name}"] = getattr(interface, name)
    return found
