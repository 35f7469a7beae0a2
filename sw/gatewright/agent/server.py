"""The agent's process: it listens, does what is asked for, and ends cleanly when it is told to."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gatewright.agent.address import TOKEN, TOKEN_FILE
from gatewright.agent.errors import AgentUnavailable
from gatewright.agent.jobs import Jobs
from gatewright.agent.machine import Machine
from gatewright.agent.service import Service
from gatewright.agent.spool import Spool
from gatewright.agent.transport import grpc, limits
from gatewright.listening import Address
from gatewright.signals import ended_by_signals

__all__ = ["serve"]

THREADS = 32
"""Calls that wait for their turn at a time; more are refused."""

GRACE_S = 0.5
"""For answers that are on their way when the agent ends."""

_ASKED = (128 + signal.SIGTERM, 128 + signal.SIGINT)
"""Exit codes of an end that was asked for, which is none of a failure."""


def serve(
    address: Address, token: str | None, machine: Callable[[], Machine], ready: Callable[[Address], object]
) -> None:
    """Serve until SIGTERM or SIGINT. Call it in the main thread.

    Parameters
    ----------
    address : where to listen; port 0 takes a free one.
    token : what callers must show.
    machine : opens the accelerator, once it is clear that the port can be had.
    ready : called with the address once clients can come.

    Raises :class:`AgentUnavailable` where the port cannot be had, or the network could use it without a token, and
    what ``machine`` raises.
    """
    if why := address.why_not_free():
        raise AgentUnavailable(f"cannot listen on {address}: {why}")
    if token is None and not address.is_loopback:
        raise AgentUnavailable(
            f"listening on {address} lets the network in, which needs a token: put one in a file of yours alone "
            f"(`openssl rand -hex 16 > token; chmod 600 token`) and name it by --token-file or {TOKEN_FILE}, or set "
            f"{TOKEN}; clients take the same two variables"
        )
    with ended_by_signals(signal.SIGINT), tempfile.TemporaryDirectory(prefix="gatewright-agent-") as folder:
        opened: Machine | None = None
        server = None
        try:
            opened = machine()
            jobs, spool = Jobs(), Spool(Path(folder))
            server = _listen(address, Service(opened, jobs, spool, token))
            ready(Address(address.host, server.port))
            jobs.run((opened.shelf.expire, spool.expire))
        except SystemExit as end:
            if end.code not in _ASKED:
                raise
        finally:
            if server is not None:
                server.stop()
            if opened is not None:
                opened.close()


class _Listening:
    """A gRPC server that has been started."""

    def __init__(self, server: Any, port: int) -> None:
        self._server = server
        self.port = port

    def stop(self) -> None:
        self._server.stop(GRACE_S).wait()


def _listen(address: Address, service: Service) -> _Listening:
    options = [*limits(), ("grpc.so_reuseport", 0)]
    server = grpc.server(
        ThreadPoolExecutor(THREADS, "gatewright-agent"), [service], options=options, maximum_concurrent_rpcs=THREADS
    )
    try:
        port = server.add_insecure_port(str(address))
    except RuntimeError as error:
        raise AgentUnavailable(f"cannot listen on {address}: {error}") from None
    server.start()
    return _Listening(server, port)
