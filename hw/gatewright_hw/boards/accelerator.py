"""The accelerator between the ports of a processing system, whichever it is: all of a board's top but the system."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.boards import Board
from gatewright.spec.errors import SpecError
from gatewright.spec.registers import REGISTER_BYTES
from gatewright_hw.boards.gp_port import GpPort
from gatewright_hw.boards.hp_port import HpPort
from gatewright_hw.boards.interrupt_controller import InterruptController
from gatewright_hw.bus.axi import Axi3, Axi4
from gatewright_hw.bus.lite_decoder import LiteDecoder
from gatewright_hw.top import Top

__all__ = ["BoardAccelerator", "memory_masters"]


def memory_masters(top: wiring.Component) -> list[str]:
    """The names of the AXI4 masters among the members of an accelerator, in their order."""
    members = top.signature.members.items()
    return [name for name, member in members if member.is_signature and isinstance(member.signature, Axi4)]


class BoardAccelerator(wiring.Component):
    """Registers and interrupt controller behind a general-purpose port, each AXI4 master on a memory port of its own.

    Everything is on the domain ``sync``, whose reset must be the fabric's.

    Parameters
    ----------
    top : the accelerator.
    board : where the registers and the interrupt controller lie.
    gp, hp : signatures of the ports, as their masters see them.

    Members
    -------
    gp : ``gp``, in.
    hp0, hp1, ... : ``hp``, out; as many as the accelerator has masters. Raises :class:`SpecError` where the board names
        fewer memory ports.
    irq : 1, out; level, active high.

    Attributes
    ----------
    hp_names : the names of the memory ports.
    """

    def __init__(self, top: Top, board: Board, gp: Axi3 | Axi4, hp: Axi3 | Axi4) -> None:
        self._top = top
        self._window = range(board.registers_base, board.registers_base + board.window_bytes)
        self._pages = {"accelerator": 0, "interrupts": board.interrupt_controller_offset}
        self._masters = memory_masters(top)
        if len(self._masters) > len(board.memory_ports):
            raise SpecError(
                f"board {board.name!r}: memory_ports names {len(board.memory_ports)}, allowed at least "
                f"{len(self._masters)}, one for each master of the accelerator"
            )
        self._gp, self._hp = gp, hp
        self.hp_names = [f"hp{index}" for index in range(len(self._masters))]
        super().__init__({"gp": In(gp), **{name: Out(hp) for name in self.hp_names}, "irq": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.accelerator = top = self._top
        m.submodules.interrupts = interrupts = InterruptController()
        m.submodules.gp_port = gp = GpPort(self._gp, self._window, self._pages.values())
        m.submodules.decoder = decoder = LiteDecoder(exact_log2(len(self._window)), REGISTER_BYTES, self._pages)
        wiring.connect(m, wiring.flipped(self.gp), gp.port)
        wiring.connect(m, gp.bus, decoder.bus)
        wiring.connect(m, decoder.accelerator, top.s_axil)
        wiring.connect(m, decoder.interrupts, interrupts.bus)
        for name, master in zip(self.hp_names, self._masters, strict=True):
            m.submodules[f"{name}_port"] = hp = HpPort(self._hp)
            wiring.connect(m, getattr(top, master), hp.master)
            wiring.connect(m, hp.port, wiring.flipped(getattr(self, name)))
        m.d.comb += [interrupts.interrupt.eq(top.irq), self.irq.eq(interrupts.irq)]
        return m
