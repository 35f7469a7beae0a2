"""What can be seen of a board through its agent."""

from __future__ import annotations

from gatewright.agent.address import find_token, parse_address
from gatewright.agent.connection import Connection
from gatewright.doctor.finding import Finding, Verdict
from gatewright.spec.errors import GatewrightError

__all__ = ["examine_agent"]

_STATUS_S = 30.0
_HOTTEST = 85.0
"""Degrees Celsius that commercial parts are specified to (DS187, DS925)."""


def examine_agent(host: str) -> list[Finding]:
    """Findings about an agent and its board. More of the board sees `gatewright doctor` on the board itself."""
    connection = Connection(parse_address(host), find_token())
    try:
        status = connection.call("status", {}, _STATUS_S).fields
    except GatewrightError as error:
        return [Finding("agent", Verdict.BAD, str(error), "start it on the board, as root: gatewright board agent")]
    finally:
        connection.close()
    found = [Finding("agent", Verdict.GOOD, f"answers at {connection.address}, backend {status['backend']}")]
    if not status["open"]:
        found.append(Finding("design", Verdict.BAD, str(status["why_not"]), f"gatewright flash --host {host}"))
        return found
    design = status["design"] or "none: a simulation"
    found.append(Finding("design", Verdict.GOOD, f"{design}, config {status['config']['name']}"))
    if status["clock_mhz"] is not None:
        found.append(Finding("clock", Verdict.GOOD, f"{status['clock_mhz']:.3f} MHz, as read back"))
    temperature = status["temperature_c"]
    if temperature is not None:
        hot = temperature > _HOTTEST
        said = f"{temperature:.1f} degrees Celsius"
        found.append(Finding("temperature", Verdict.ODD if hot else Verdict.GOOD, said, "cool it" if hot else ""))
    return found
