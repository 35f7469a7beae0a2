"""Where an agent listens, and the token that its clients show, which never stands on a command line for all to read."""

from __future__ import annotations

import os
from pathlib import Path

from gatewright.agent.errors import AgentUnavailable
from gatewright.driver.errors import DriverError
from gatewright.files import reason
from gatewright.listening import LAST_PORT, Address

__all__ = ["DEFAULT_PORT", "TOKEN", "TOKEN_FILE", "find_token", "parse_address", "read_token"]

DEFAULT_PORT = 7968
TOKEN, TOKEN_FILE = "GATEWRIGHT_TOKEN", "GATEWRIGHT_TOKEN_FILE"
"""Environment variables: the token itself, or a file whose first line it is."""

MIN_TOKEN = 16
"""Characters that cannot be guessed over a network."""


def parse_address(text: str, default_port: int = DEFAULT_PORT) -> Address:
    """``HOST``, ``HOST:PORT``, ``[IPV6]`` or ``[IPV6]:PORT``. Raises :class:`DriverError`."""
    allowed = "allowed: HOST or HOST:PORT, as in 192.168.2.99:7968 or [fe80::1]:7968"
    host, port = text, ""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise DriverError(f"host is {text!r}, {allowed}")
        port = rest[1:]
        bad = rest == ":"
    else:
        host, colon, port = text.partition(":")
        bad = (bool(colon) and not port) or ":" in port
    if bad or not Address(host, default_port).is_spelled:
        raise DriverError(f"host is {text!r}, {allowed}")
    if not port:
        return Address(host, default_port)
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= LAST_PORT):
        raise DriverError(f"host is {text!r}: its port is {port!r}, allowed 1..{LAST_PORT}")
    return Address(host, int(port))


def find_token() -> str | None:
    """The token of the environment, or None. Raises :class:`AgentUnavailable` where its file cannot be used."""
    if TOKEN in os.environ:
        return _checked(os.environ[TOKEN].strip(), f"environment variable {TOKEN}")
    return read_token(os.environ[TOKEN_FILE]) if TOKEN_FILE in os.environ else None


def read_token(path: str | Path) -> str:
    """The token in a file. Raises :class:`AgentUnavailable`."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise AgentUnavailable(f"token file {path}: {reason(error)}") from None
    except UnicodeDecodeError:
        raise AgentUnavailable(f"token file {path}: not a text") from None
    return _checked(lines[0].strip() if lines else "", f"token file {path}")


def _checked(token: str, where: str) -> str:
    if len(token) < MIN_TOKEN or not (token.isascii() and token.isprintable()):
        raise AgentUnavailable(
            f"{where}: the token has {len(token)} characters, allowed: {MIN_TOKEN} or more, ASCII, such as from "
            "`openssl rand -hex 16`"
        )
    return token
