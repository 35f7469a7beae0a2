"""A built design to the board of an agent, which checks it again, loads it, and keeps it."""

from __future__ import annotations

from typing import Any

from gatewright.agent.address import find_token, parse_address
from gatewright.agent.connection import Connection
from gatewright.artefact import Built
from gatewright.artefact.manifest import MANIFEST

__all__ = ["board_of_agent", "flash_agent"]

UPLOAD_S = 300.0
FLASH_S = 120.0
_STATUS_S = 30.0


def board_of_agent(host: str) -> str:
    """Our name of the board that the agent at ``host`` has; empty where it does not know.

    Raises :class:`~gatewright.agent.errors.AgentUnavailable`.
    """
    connection = Connection(parse_address(host), find_token())
    try:
        return str(connection.call("status", {}, _STATUS_S).fields["board"] or "")
    finally:
        connection.close()


def flash_agent(host: str, built: Built) -> dict[str, Any]:
    """Have the agent at ``host`` load ``built``; its status afterwards.

    Where it fails the agent loads again what was there before. Raises the agent's and the driver's errors.
    """
    connection = Connection(parse_address(host), find_token())
    try:
        names = [MANIFEST, *built.manifest.files]
        tickets = {name: connection.upload([(built.folder / name).read_bytes()], UPLOAD_S) for name in names}
        return connection.call("flash", {"files": tickets}, FLASH_S).fields
    finally:
        connection.close()
