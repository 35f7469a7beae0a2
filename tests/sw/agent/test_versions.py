"""Clients and agents of two releases: whichever end is older, both say so, in one sentence, before anything else."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from gatewright.agent import versions
from gatewright.agent.diagnosis import examine_agent
from gatewright.agent.errors import AgentOfAnotherVersion, NoAgent
from gatewright.agent.faults import describe
from gatewright.agent.remote import RemoteAccelerator
from gatewright.agent.transport import PROTOCOL, SERVICE
from gatewright.agent.versions import check_spoken, spoken_here
from gatewright.agent.wire import pack
from gatewright.driver.programs.loaded_program import CallReport
from gatewright.driver.report import EngineReport, Report
from gatewright.driver.stopwatch import CallSeconds
from gatewright.program.convert import EmptyMask, Saturation
from gatewright.spec.config import AcceleratorConfig

OTHERS = [PROTOCOL - 1, PROTOCOL + 1]
HELLO = f"{SERVICE}/hello"
REMEDY = "install the same release of gatewright here and on the board"
FIELDS = {7: "80f8af"}
"""Hash of the names that messages have, by protocol."""


def _refusal(agent: int) -> dict[str, Any]:
    """What an agent of another protocol says to us."""
    try:
        check_spoken(agent={"protocol": agent, "version": "9.9"}, client=spoken_here())
    except AgentOfAnotherVersion as error:
        return {"error": describe(error)}
    raise AssertionError


@pytest.mark.parametrize("theirs", OTHERS)
def test_an_agent_refuses_another_client(theirs: int, agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "PROTOCOL", theirs)  # of this process, which is the client
    sentence = rf"^the agent speaks protocol {PROTOCOL} \(gatewright .*\), this client {theirs} \(.*: install the same"
    with pytest.raises(AgentOfAnotherVersion, match=sentence):
        RemoteAccelerator("tiny", agent.host)
    (found,) = examine_agent(agent.host)
    assert found.remedy == REMEDY
    monkeypatch.undo()
    RemoteAccelerator("tiny", agent.host).close()


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize("theirs", OTHERS)
def test_a_client_refuses_another_agent(theirs: int, refuses: bool, grpc_server: Any) -> None:
    """Whether that looks at the client's number or not."""
    answer = _refusal(theirs) if refuses else {"protocol": theirs, "version": "9.9"}
    sentence = rf"^the agent speaks protocol {theirs} \(gatewright '9.9'\), this client {PROTOCOL} \("
    with grpc_server(HELLO, pack(answer)) as host:
        with pytest.raises(AgentOfAnotherVersion, match=sentence):
            RemoteAccelerator("tiny", host)
        (found,) = examine_agent(host)
    assert found.remedy == REMEDY


@pytest.mark.parametrize("protocol", [None, "2", 2.0, True, [], {}])
def test_what_speaks_no_protocol_is_no_agent(protocol: Any, grpc_server: Any) -> None:
    with (
        grpc_server(HELLO, pack({"protocol": protocol, "version": "9.9"})) as host,
        pytest.raises(NoAgent, match="no gatewright agent"),
    ):
        RemoteAccelerator("tiny", host)


def test_a_command_ends_in_one_line(grpc_server: Any) -> None:
    with grpc_server(HELLO, pack(_refusal(PROTOCOL + 1))) as host:
        command = [sys.executable, "-m", "gatewright", "selftest", "--backend", "board", "--host", host]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert f"speaks protocol {PROTOCOL + 1} (gatewright '9.9')" in ended.stderr


def test_other_fields_are_another_protocol(agent: Any) -> None:
    """Either end would miss a name that the other does not send."""
    with RemoteAccelerator("tiny", agent.host) as remote:
        status = sorted(remote.status())
    kinds = (AcceleratorConfig, CallReport, CallSeconds, EmptyMask, EngineReport, Report, Saturation)
    names = [status, [[kind.__name__, sorted(each.name for each in fields(kind))] for kind in kinds]]
    found = hashlib.sha256(json.dumps(names).encode()).hexdigest()[:6]
    assert FIELDS.get(PROTOCOL) == found, (
        f"the fields have changed: PROTOCOL takes the next number, here with {found!r}"
    )
