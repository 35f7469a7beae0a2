"""An accelerator wherever it is: here, behind an agent, or behind a PYNQ.remote image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gatewright.agent.address import parse_address
from gatewright.driver import Accelerator, Session
from gatewright.driver.errors import DriverError
from gatewright.driver.hosts import is_pynq_host, parse_pynq_host
from gatewright.spec.config import AcceleratorConfig

__all__ = ["BOARD", "check_host", "is_agent", "open_session"]

BOARD = "board"
"""The backend that is hardware."""


def is_agent(host: str | None) -> bool:
    """Whether a host, as people write it, is an agent's: none that runs PYNQ.remote's server."""
    return host is not None and not is_pynq_host(host)


def check_host(host: str | None, backend: str = "auto", bitstream: str | Path | None = None) -> None:
    """Raise :class:`DriverError` for a host that is none, and for what does not go with one. Nothing is connected."""
    if host is None:
        return
    if is_pynq_host(host):
        parse_pynq_host(host)
    else:
        parse_address(host)
    if backend not in ("auto", BOARD):
        raise DriverError(f"host {host!r} with backend {backend!r}, allowed with a host: {BOARD}")
    if is_agent(host) and bitstream is not None:
        raise DriverError(f"bitstream {bitstream} with the agent at {host!r}, which has its own: flash it there")


def open_session(
    config: str | AcceleratorConfig | None,
    backend: str = "auto",
    host: str | None = None,
    *,
    board: str | None = None,
    bitstream: str | Path | None = None,
    timeout_s: float = 300.0,
) -> Session:
    """The accelerator of a backend here, or of the one at ``host``, which is a board's.

    Parameters
    ----------
    config : as of :class:`Accelerator`; None, only with an agent: whatever the agent has.
    backend : as of :class:`Accelerator`; with a host, "board" or "auto".
    host : ``HOST[:PORT]`` of an agent, or ``pynq://HOST[:PORT]``; None: here.
    board : name of the board, where its image does not say it.
    bitstream : folder of the built design for a board that is driven from here; an agent has its own.
    timeout_s : as of :class:`Accelerator`.

    Raises :class:`DriverError` for what does not go together, and what the accelerators raise.
    """
    check_host(host, backend, bitstream)
    if host is not None and is_agent(host):
        from gatewright.agent.remote import RemoteAccelerator  # needs grpcio

        return RemoteAccelerator(config, host, timeout_s=timeout_s)
    if config is None:
        raise DriverError("no config given, allowed without one: the board of an agent")
    options: dict[str, Any] = {"host": host, "board": board, "bitstream": bitstream}
    given = {name: value for name, value in options.items() if value is not None}
    if host is not None or backend == BOARD:
        return Accelerator(config, BOARD, timeout_s=timeout_s, **given)
    if bitstream is not None:
        raise DriverError(f"bitstream {bitstream} with backend {backend!r}, allowed with one: {BOARD}")
    return Accelerator(config, backend, timeout_s=timeout_s)
