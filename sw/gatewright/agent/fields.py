"""Reports and configurations as JSON, to and from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gatewright.agent.errors import AgentError
from gatewright.driver.programs.loaded_program import CallReport
from gatewright.driver.report import EngineReport, Report
from gatewright.driver.stopwatch import CallSeconds
from gatewright.program.compiled import CompiledProgram
from gatewright.program.convert import EmptyMask, Saturation
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import SpecError

__all__ = ["call_fields", "call_report", "config_of", "summed"]

Fields = dict[str, Any]


def call_fields(program: CompiledProgram, call: CallReport) -> Fields:
    """A call's report; the variant by its place in the program, which both ends have."""
    variant = next(index for index, each in enumerate(program.variants) if each is call.variant)
    return {
        "variant": variant,
        "host_seconds": call.host_seconds,
        "saturated": [asdict(each) for each in call.saturated],
        "empty": [asdict(each) for each in call.empty],
        "seconds": asdict(call.seconds),
    }


def call_report(program: CompiledProgram, fields: Fields) -> CallReport:
    """What :func:`call_fields` was given. Raises :class:`AgentError`."""
    try:
        return CallReport(
            program.variants[fields["variant"]],
            tuple(fields["host_seconds"]),
            tuple(Saturation(**each) for each in fields["saturated"]),
            tuple(EmptyMask(**each) for each in fields["empty"]),
            CallSeconds(**fields["seconds"]),
        )
    except (KeyError, TypeError, IndexError) as error:
        raise AgentError(f"the agent's report of a call makes no sense: {error}") from None


def summed(fields: Fields) -> Report:
    """A report of counters from JSON. Raises :class:`AgentError`."""
    try:
        return Report(**{**fields, "engines": tuple(EngineReport(**each) for each in fields["engines"])})
    except (KeyError, TypeError) as error:
        raise AgentError(f"the agent's counters make no sense: {error}") from None


def config_of(status: Fields) -> AcceleratorConfig:
    """The configuration that an agent serves. Raises :class:`AgentError` where it has no accelerator."""
    if not status.get("open"):
        raise AgentError(f"the agent has no accelerator: {status.get('why_not')}")
    try:
        return AcceleratorConfig(**status["config"])
    except (KeyError, TypeError, SpecError) as error:
        raise AgentError(f"the agent's config makes no sense: {error}") from None
