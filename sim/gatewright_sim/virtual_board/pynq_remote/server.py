"""The server's life: a port, the services on it, an end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc

from gatewright.driver.hosts import PYNQ_PORT
from gatewright.listening import Address
from gatewright.spec.errors import GatewrightError
from gatewright_sim.virtual_board.board import VirtualBoard
from gatewright_sim.virtual_board.log import Level
from gatewright_sim.virtual_board.pynq_remote.buffers import BufferService
from gatewright_sim.virtual_board.pynq_remote.calls import Calls, WhenFrozen
from gatewright_sim.virtual_board.pynq_remote.device import DeviceService
from gatewright_sim.virtual_board.pynq_remote.mmio import MmioService

__all__ = ["PynqRemoteServer", "WhenFrozen"]

THREADS = 8
STOP_S = 1.0
_OPTIONS = (("grpc.so_reuseport", 0),)  # else a second server would take half of the calls


class PynqRemoteServer:
    """Serves a board until :meth:`stop`.

    Parameters
    ----------
    board : it stays open when the server stops, as a board stays on when a service ends.
    host, port : to listen on; port 0 takes a free one.
    when_frozen : what calls meet once the board is frozen.

    Raises :class:`GatewrightError` where it cannot listen there.

    Attributes
    ----------
    port : that it listens on.
    """

    def __init__(
        self,
        board: VirtualBoard,
        host: str = "127.0.0.1",
        port: int = PYNQ_PORT,
        when_frozen: WhenFrozen = WhenFrozen.HANG,
    ) -> None:
        address = Address(host, port)
        if why := address.why_not_free():
            raise GatewrightError(f"cannot listen on {address}: {why}")
        self._board = board
        self._calls = Calls(when_frozen, self._crash)
        self._mmio = MmioService(board, self._calls)
        self._buffers = BufferService(board, self._calls)
        self._threads = ThreadPoolExecutor(THREADS, "pynq-remote")
        self._server = grpc.server(self._threads, options=_OPTIONS)
        for service in (DeviceService(board, self._calls), self._mmio, self._buffers):
            handlers = grpc.method_handlers_generic_handler(service.name, service.handlers())
            self._server.add_generic_rpc_handlers((handlers,))
        self.port = self._server.add_insecure_port(str(address))
        self._server.start()

    def _crash(self, why: str) -> None:
        """The process of the real server ends, and its service starts it again: it knows no id any more."""
        self._board.log.add(Level.WARNING, f"the PYNQ.remote server ends by SIGBUS and is started again: {why}")
        self._mmio.forget()
        self._buffers.forget()

    def stop(self) -> None:
        """End it; calls that still run get a moment, then an error."""
        self._calls.stop()
        self._server.stop(STOP_S).wait()
        self._buffers.forget()
        self._threads.shutdown(wait=False)

    def __enter__(self) -> PynqRemoteServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
