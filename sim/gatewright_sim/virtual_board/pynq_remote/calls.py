"""How a call reaches the board, and what becomes of it where the board does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

import grpc

from gatewright_sim.virtual_board.errors import BoardFrozen, BusError
from gatewright_sim.virtual_board.pynq_remote.messages import MESSAGES

__all__ = ["Calls", "WhenFrozen", "handler"]


class WhenFrozen(Enum):
    """What calls to a frozen board meet."""

    HANG = "hang"
    """No answer, as from silicon."""
    REFUSE = "refuse"
    """An error that says why it froze."""


class Calls:
    """Guards every call.

    Parameters
    ----------
    when_frozen : see :class:`WhenFrozen`.
    crashed : called when a call would have ended the server's process, which the image's service starts again.
    """

    def __init__(self, when_frozen: WhenFrozen, crashed: Callable[[str], None]) -> None:
        self._when_frozen = when_frozen
        self._crashed = crashed
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let go of calls that a frozen board holds."""
        self._stopped.set()

    @contextmanager
    def guarded(self, context: Any) -> Iterator[None]:
        """Around what a call does to the board."""
        try:
            yield
        except BoardFrozen as error:
            if self._when_frozen is WhenFrozen.HANG:
                self._stopped.wait()
            context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
        except BusError as error:
            self._crashed(str(error))
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")


def handler(
    method: Callable[..., Any], request: str, response: str, *, takes_stream: bool = False, gives_stream: bool = False
) -> Any:
    """A method of a service; ``request`` and ``response`` are names of messages."""
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
    }[takes_stream, gives_stream]
    return make(method, MESSAGES[request].FromString, MESSAGES[response].SerializeToString)
