"""What can be seen of a board through its agent."""

from __future__ import annotations

from collections.abc import Iterator

from gatewright.agent.address import DEFAULT_PORT, TOKEN_FILE, find_token, parse_address
from gatewright.agent.connection import Connection
from gatewright.agent.errors import (
    AgentBusy,
    AgentError,
    AgentLost,
    AgentOfAnotherVersion,
    AgentRefused,
    AgentTimeout,
    AgentUnreachable,
    NoAgent,
)
from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.board.vouched import DOUBTFUL, doubts
from gatewright.spec.errors import GatewrightError

__all__ = ["examine_agent"]

_STATUS_S = 30.0
_HOTTEST = 85.0
"""Degrees Celsius that commercial parts are specified to (DS187, DS925)."""


_THERE = "gatewright doctor, on the board itself"
_REMEDIES: dict[type[AgentError], str] = {
    AgentUnreachable: "start it on the board, as root: gatewright board agent; see to address and firewalls",
    AgentRefused: f"set {TOKEN_FILE} here to a copy of the file that the agent was given by --token-file",
    AgentOfAnotherVersion: "install the same release of gatewright here and on the board",
    NoAgent: f"is it the agent's port ({DEFAULT_PORT})? a hung agent is ended and started again on the board",
    AgentBusy: "wait for the calls of others, or end some of these clients",
    AgentTimeout: "it is there, and stuck: end it on the board, and start it again; its output there says at what",
    AgentLost: "it ended in between: its output on the board says why",
}
"""The first that an error is an instance of."""


def examine_agent(host: str) -> Iterator[Finding]:
    """Findings about an agent and its board, as they are made. More of the board sees `gatewright doctor` on the board
    itself. Raises :class:`DriverError` for a host that is none, :class:`AgentUnavailable` for an unusable token."""
    return _findings(host, Connection(parse_address(host), find_token()))


def _findings(host: str, connection: Connection) -> Iterator[Finding]:
    try:
        status = connection.call("status", {}, _STATUS_S).fields
    except GatewrightError as error:
        remedy = next((each for kind, each in _REMEDIES.items() if isinstance(error, kind)), "see its output there")
        yield Finding("agent", Verdict.BAD, str(error), remedy)
        return
    finally:
        connection.close()
    yield Finding("agent", Verdict.GOOD, f"answers at {connection.address}, backend {status['backend']}")
    if status["board"]:
        yield Finding("board", Verdict.GOOD, status["board"])
    if not status["open"]:
        remedy = f"gatewright flash --host {host}" if status["wants_design"] else _THERE
        yield Finding("design", Verdict.BAD, str(status["why_not"]), remedy)
        return
    design = status["design"] or "none: a simulation"
    said = f"{design}, config {status['config']['name']}"
    if status["unvouched"]:
        yield Finding("design", Verdict.ODD, f"{said}; {doubts(status['unvouched'])}", DOUBTFUL)
    else:
        yield Finding("design", Verdict.GOOD, said)
    if status["clock_mhz"] is not None:
        yield Finding("clock", Verdict.GOOD, f"{status['clock_mhz']:.3f} MHz, as read back")
    for note in status["notes"]:
        yield Finding("note", Verdict.ODD, note, _THERE)
    temperature = status["temperature_c"]
    if temperature is not None:
        hot = temperature > _HOTTEST
        said = f"{temperature:.1f} degrees Celsius"
        yield Finding("temperature", Verdict.ODD if hot else Verdict.GOOD, said, "cool it" if hot else "")
