"""The boards by name. A new one is a file beside these and a line below."""

from gatewright.spec.boards.board import Board
from gatewright.spec.boards.kv260 import KV260
from gatewright.spec.boards.pynq_z2 import PYNQ_Z2
from gatewright.spec.boards.zybo_z7_10 import ZYBO_Z7_10
from gatewright.spec.errors import SpecError

__all__ = ["BOARDS", "Board", "get_board"]

BOARDS = {board.name: board for board in (PYNQ_Z2, ZYBO_Z7_10, KV260)}


def get_board(name: str) -> Board:
    """The board called ``name``; :class:`SpecError` lists the names otherwise."""
    try:
        return BOARDS[name]
    except KeyError:
        raise SpecError(f"unknown board {name!r}, allowed: {', '.join(sorted(BOARDS))}") from None
