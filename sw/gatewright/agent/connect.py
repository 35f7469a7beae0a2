"""An accelerator wherever it is: here, behind an agent, or behind a PYNQ.remote image."""

from __future__ import annotations

from typing import Any

from gatewright.driver import Accelerator, Session
from gatewright.driver.errors import DriverError
from gatewright.spec.config import AcceleratorConfig

__all__ = ["PYNQ_REMOTE", "open_session"]

PYNQ_REMOTE = "pynq://"
"""Before a host that runs PYNQ.remote's server instead of an agent."""


def open_session(
    config: str | AcceleratorConfig | None,
    backend: str = "auto",
    host: str | None = None,
    *,
    timeout_s: float = 300.0,
    **options: Any,
) -> Session:
    """The accelerator of a backend here, or of the one at ``host``, which is a board's.

    Parameters
    ----------
    config : as of :class:`Accelerator`; None, only with an agent: whatever the agent has.
    backend : as of :class:`Accelerator`; with a host, "board" or "auto".
    host : ``HOST[:PORT]`` of an agent, or ``pynq://HOST[:PORT]``; None: here.
    timeout_s, options : as of :class:`Accelerator`; an option that is None is left out.

    Raises :class:`DriverError` for a host with another backend, and what the accelerators raise.
    """
    options = {name: value for name, value in options.items() if value is not None}
    if host is not None and backend not in ("auto", "board"):
        raise DriverError(f"host {host!r} with backend {backend!r}, allowed with a host: board")
    if host is not None and not host.startswith(PYNQ_REMOTE):
        if options:
            raise DriverError(f"options {', '.join(sorted(options))} are for a board here, not for an agent's")
        from gatewright.agent.remote import RemoteAccelerator  # needs grpcio

        return RemoteAccelerator(config, host, timeout_s=timeout_s)
    if config is None:
        raise DriverError("no config given, allowed without one: the board of an agent")
    if host is not None:
        backend, options = "board", {**options, "host": host}
    return Accelerator(config, backend, timeout_s=timeout_s, **options)
