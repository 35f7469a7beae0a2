"""Where a board is, as people write it: ``pynq://HOST[:PORT]`` is an image of PYNQ.remote, others run our agent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gatewright.driver.errors import DriverError

__all__ = ["PYNQ_PORT", "PYNQ_REMOTE", "PynqHost", "is_pynq_host", "parse_pynq_host"]

PYNQ_REMOTE = "pynq://"
PYNQ_PORT = 7967
"""Where PYNQ.remote's server listens, unless told otherwise."""

_ADDRESS = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class PynqHost:
    """A PYNQ.remote server."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"{PYNQ_REMOTE}{self.name}:{self.port}"


def is_pynq_host(text: str) -> bool:
    """Whether a host is to be spoken to as PYNQ.remote does."""
    return text.startswith(PYNQ_REMOTE)


def parse_pynq_host(text: str) -> PynqHost:
    """The server that ``pynq://HOST[:PORT]`` names. Raises :class:`DriverError`."""
    found = _ADDRESS.fullmatch(text[len(PYNQ_REMOTE) :]) if is_pynq_host(text) else None
    port = int(found["port"] or PYNQ_PORT) if found else 0
    if found is None or not 0 < port < 1 << 16:
        raise DriverError(f"host is {text!r}, allowed: {PYNQ_REMOTE}HOST[:PORT]")
    return PynqHost(found["name"], port)
