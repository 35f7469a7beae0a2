"""Boards: the accelerator between the ports of a processing system, and the whole fabric as Verilog."""

from gatewright_hw.boards.top import board_top, board_verilog, top_name

__all__ = ["board_top", "board_verilog", "top_name"]
