"""Errors that cross the network: the same class with the same sentence arrives at the other end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gatewright.agent.errors import AgentError
from gatewright.artefact import ArtefactError
from gatewright.driver.errors import DriverError
from gatewright.program.errors import ProgramError
from gatewright.spec.commands import DecodedCommand, decode, encode
from gatewright.spec.errors import ErrorCode, GatewrightError, SpecError

__all__ = ["describe", "rebuild"]

_ROOTS = (AgentError, ArtefactError, DriverError, ProgramError, SpecError)
"""One of each module that defines errors, so that all are known here."""


def describe(error: Exception) -> dict[str, Any]:
    """An exception as JSON: its class, sentence and attributes. What is not on purpose becomes an AgentError."""
    if not isinstance(error, GatewrightError):
        first = next(iter(str(error).splitlines()), "")
        return {"class": AgentError.__name__, "message": f"the agent failed: {type(error).__name__}: {first}"}
    attributes = {name: _plain(value) for name, value in vars(error).items() if not name.startswith("_")}
    return {"class": type(error).__name__, "message": str(error), "attributes": attributes}


def rebuild(fault: dict[str, Any]) -> GatewrightError:
    """The exception that :func:`describe` was given. One of an unknown class, or with attributes that it cannot have,
    becomes an :class:`AgentError`."""
    try:
        return _rebuilt(fault)
    except (TypeError, ValueError) as error:
        first = next(iter(str(error).splitlines()), "")
        return AgentError(f"the agent's error makes no sense ({first:.80}): {str(fault.get('message'))!r:.200}")


def _rebuilt(fault: dict[str, Any]) -> GatewrightError:
    kinds = {kind.__name__: kind for kind in _below(GatewrightError)}
    kind = kinds.get(str(fault.get("class")), AgentError)
    base = OSError if issubclass(kind, OSError) else Exception
    error: GatewrightError = base.__new__(kind)  # a constructor would make the sentence, which is there already
    error.args = (str(fault.get("message")),)
    attributes = fault.get("attributes")
    for name, value in (attributes if isinstance(attributes, dict) else {}).items():
        if name.startswith("_") or hasattr(kind, name):
            raise ValueError(f"attribute {name!r}")
        setattr(error, name, _meant(name, value))
    return error


def _below(kind: type[GatewrightError]) -> Iterator[type[GatewrightError]]:
    yield kind
    for derived in kind.__subclasses__():
        yield from _below(derived)


def _plain(value: Any) -> Any:
    if isinstance(value, DecodedCommand):
        return encode(value.spec, value.flags, **value.values).hex()
    return value


def _meant(name: str, value: Any) -> Any:
    if name == "command" and isinstance(value, str):
        return decode(bytes.fromhex(value))
    if name == "code" and value in ErrorCode._value2member_map_:
        return ErrorCode(value)
    return value
