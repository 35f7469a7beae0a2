"""A board without a board: a Zynq as software meets it, with the accelerator's RTL in its fabric."""

from gatewright_sim.virtual_board.board import VirtualBoard
from gatewright_sim.virtual_board.errors import BoardFrozen, BusError
from gatewright_sim.virtual_board.log import Event, EventLog, Level

__all__ = ["BoardFrozen", "BusError", "Event", "EventLog", "Level", "VirtualBoard"]
