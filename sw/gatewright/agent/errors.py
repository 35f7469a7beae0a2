"""What can go wrong between a client and an agent, besides what the accelerator itself raises."""

from __future__ import annotations

from gatewright.driver.errors import BackendUnavailable
from gatewright.spec.errors import GatewrightError

__all__ = [
    "AgentBusy",
    "AgentError",
    "AgentLost",
    "AgentOfAnotherVersion",
    "AgentRefused",
    "AgentTimeout",
    "AgentUnavailable",
    "AgentUnreachable",
    "NoAgent",
    "ProgramNotLoaded",
]


class AgentError(GatewrightError):
    """A call that the agent did not do; the message says why."""


class AgentUnavailable(AgentError, BackendUnavailable):
    """No agent answers there, or none that this client may or can use: unreachable, another program, version, token."""


class AgentUnreachable(AgentUnavailable):
    """Nothing answers at the address."""


class AgentRefused(AgentUnavailable):
    """The agent wants a token, or another one."""


class AgentOfAnotherVersion(AgentUnavailable):
    """The agent speaks another protocol than this client."""


class NoAgent(AgentUnavailable):
    """What answers there is no agent, or one that hangs."""


class AgentLost(AgentError, ConnectionError):
    """The agent, or the way to it, broke off in mid-call. The next call connects again and loads what it needs."""


class AgentTimeout(AgentError, TimeoutError):
    """The agent did not answer in time."""


class AgentBusy(AgentError, TimeoutError):
    """Calls of others kept the accelerator for as long as this one could wait; it was not begun."""


class ProgramNotLoaded(AgentError):
    """A program that the agent does not hold (any more); clients load it again by themselves."""
