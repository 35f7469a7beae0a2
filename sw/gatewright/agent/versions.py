"""What client and agent tell each other first, and what it means where they are of two releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gatewright.agent.errors import AgentOfAnotherVersion
from gatewright.agent.transport import PROTOCOL
from gatewright.version import __version__

__all__ = ["check_spoken", "spoken_here"]

Spoken = Mapping[str, Any]
"""Fields ``protocol`` and ``version``; of the other end they may be anything."""


def spoken_here() -> dict[str, Any]:
    """What this end speaks."""
    return {"protocol": PROTOCOL, "version": __version__}


def check_spoken(agent: Spoken, client: Spoken) -> None:
    """Raise :class:`AgentOfAnotherVersion` where they speak different protocols."""
    if agent.get("protocol") != client.get("protocol"):
        raise AgentOfAnotherVersion(
            f"the agent speaks protocol {_said(agent)}, this client {_said(client)}: "
            "install the same release at both ends"
        )


def _said(spoken: Spoken) -> str:
    return f"{spoken.get('protocol')!r:.20} (gatewright {spoken.get('version')!r:.20})"
