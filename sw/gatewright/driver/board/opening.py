"""Which board: the one here or one behind a network, and what it is called."""

from __future__ import annotations

from typing import Any

from gatewright.driver.board.designs import board_name
from gatewright.driver.board.pynq_versions import BoardPort, import_pynq, local_port, remote_port
from gatewright.driver.errors import DriverError
from gatewright.driver.hosts import parse_pynq_host
from gatewright.spec.boards import get_board
from gatewright.spec.errors import SpecError

__all__ = ["board_of", "known_board", "open_port"]

_PYNQ_BOARD = "/proc/device-tree/chosen/pynq_board"


def open_port(host: str | None = None, device: Any = None) -> BoardPort:
    """The board here, or behind ``pynq://HOST[:PORT]``, or of a ``pynq.Device``. Nothing of it is changed yet.

    Raises :class:`BackendUnavailable`, :class:`DriverError` for a host that is not spelt so.
    """
    server = None if host is None else parse_pynq_host(host)
    pynq = import_pynq()
    if device is not None:
        return BoardPort(pynq, device, "this board")
    return local_port(pynq) if server is None else remote_port(pynq, server)


def board_of(port: BoardPort) -> str:
    """Our name of the board, as its image says; empty where it says none of ours, as Ubuntu on a Kria does."""
    return board_name(port.read_text(_PYNQ_BOARD))


def known_board(board: str | None) -> str:
    """``board``, or nothing. Raises :class:`DriverError` for one that is not known."""
    if board is None:
        return ""
    try:
        return get_board(board).name
    except SpecError as error:
        raise DriverError(str(error)) from None
