"""Where a server listens. gRPC does not say why it cannot; the system does."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from gatewright.files import reason

__all__ = ["LAST_PORT", "Address"]

LAST_PORT = 65535


@dataclass(frozen=True)
class Address:
    """A host by name or number, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:  # a name
            return False

    @property
    def is_spelled(self) -> bool:
        """Whether the host is written as one can be, so that the system can look it up."""
        try:
            self.host.encode("idna")  # as the socket module does
        except UnicodeError:
            return False
        return bool(self.host) and self.host.isprintable() and not any(letter in self.host for letter in "/@ ")

    def why_not_free(self) -> str:
        """Why nobody can listen there; empty where somebody can. Port 0 is any free one."""
        if not self.is_spelled:
            return "no name or number of a host"
        if not 0 <= self.port <= LAST_PORT:  # the system would take its lower bits
            return f"a port is 0..{LAST_PORT}"
        try:
            family, kind, protocol, _, where = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
        except OSError as error:
            return reason(error)
        return ""
