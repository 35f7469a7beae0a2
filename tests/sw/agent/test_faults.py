"""Errors arrive as what they were."""

import json

import pytest

from gatewright.agent.errors import AgentError, ProgramNotLoaded
from gatewright.agent.faults import describe, rebuild
from gatewright.artefact import ArtefactError
from gatewright.driver import (
    AcceleratorClosed,
    AcceleratorError,
    AcceleratorTimeout,
    BackendUnavailable,
    BusProtocolError,
    ConfigMismatch,
    DriverError,
    OutOfDeviceMemory,
)
from gatewright.program import DamagedProgram, InputError, UnsupportedProgram
from gatewright.spec.commands import GEMM, decode, encode
from gatewright.spec.errors import ErrorCode

COMMAND = decode(encode(GEMM, 1, **{field.name: 8 for field in GEMM.fields if not field.with_flag}))
ERRORS = [
    ArtefactError("a.bit: it ends"),
    BackendUnavailable("no board"),
    BusProtocolError("AXI"),
    ConfigMismatch("another"),
    DamagedProgram("cut off"),
    DriverError("timeout_s is 0"),
    InputError("input 'x'"),
    OutOfDeviceMemory("too large"),
    ProgramNotLoaded("program 12"),
    UnsupportedProgram("version 9"),
    AcceleratorClosed(),
    AcceleratorError(ErrorCode.BAD_SHAPE, 3, 2, COMMAND, "fc"),
    AcceleratorError(77, 3, 2, None),
    AcceleratorTimeout("3 s", 4, COMMAND, {"STATUS": 1}, "fc"),
]


def _over_the_network(error: Exception) -> Exception:
    return rebuild(json.loads(json.dumps(describe(error))))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_same_class_sentence_and_attributes(error: Exception) -> None:
    found = _over_the_network(error)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert vars(found) == vars(error)


def test_what_is_not_on_purpose_is_said_so() -> None:
    found = _over_the_network(ZeroDivisionError("division by zero\nmore"))
    assert type(found) is AgentError
    assert str(found) == "the agent failed: ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    "attributes",
    [{"command": "zz"}, {"command": "00"}, {"args": 1}, {"__class__": 1}, {"code": [1]}, {"with_traceback": 0}],
    ids=str,
)
def test_attributes_that_an_error_cannot_have(attributes: dict) -> None:
    found = rebuild({"class": "AcceleratorError", "message": "command 3 stopped", "attributes": attributes})
    assert type(found) is AgentError
    assert "makes no sense" in str(found)
    assert "command 3 stopped" in str(found)


@pytest.mark.parametrize("fault", [{}, {"class": "SystemExit", "message": "x"}, {"class": 3, "attributes": [1]}])
def test_unknown_classes_are_errors_of_the_agent(fault: dict) -> None:
    assert type(rebuild(fault)) is AgentError
