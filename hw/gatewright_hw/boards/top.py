"""The top of any board, and its Verilog."""

from __future__ import annotations

from amaranth.lib import wiring

from gatewright.spec.boards import Board
from gatewright.spec.clocks import Family
from gatewright.spec.config import AcceleratorConfig
from gatewright_hw.boards.zynq7 import Zynq7Top
from gatewright_hw.boards.zynqmp import ZynqMpTop
from gatewright_hw.top import Top
from gatewright_hw.verilog import to_verilog

__all__ = ["board_top", "board_verilog", "top_name"]


def top_name(board: Board) -> str:
    """The Verilog module of a board's top."""
    return f"gatewright_{board.name.replace('-', '_')}"


def board_top(board: Board, config: AcceleratorConfig, *, pads: bool = False) -> wiring.Component:
    """The top of ``board`` with the accelerator of ``config``.

    On Zynq-7000 ``pads`` brings the processing system's pads (memory, MIO, clock and resets) out as ports, by their
    names at PS7, as Vivado wants it; nextpnr wants them left alone. Elsewhere the processing system's block has none.
    """
    match board.family:
        case Family.ZYNQ7:
            return Zynq7Top(board, Top(config), pads)
        case Family.ZYNQMP:
            return ZynqMpTop(board, Top(config))


def board_verilog(board: Board, config: AcceleratorConfig, *, pads: bool = False) -> str:
    """Verilog of :func:`board_top`, top module :func:`top_name`. The same sources give the same text."""
    return to_verilog(board_top(board, config, pads=pads), top_name(board))
