"""What the doctor learns of a board through its agent."""

import socket
import threading
from contextlib import suppress
from typing import Any

import pytest

from gatewright.agent import diagnosis
from gatewright.agent.diagnosis import examine_agent
from gatewright.agent.errors import AgentBusy, AgentError, AgentLost, AgentTimeout
from gatewright.doctor import Verdict, exit_code


def test_an_agent_that_works(agent: Any) -> None:
    found = list(examine_agent(agent.host))
    assert exit_code(found) == 0
    assert found[0].found == f"answers at {agent.host}, backend golden"
    assert "config tiny" in found[1].found


class Answer:
    """Stands for a connection whose agent says this of itself."""

    status: dict[str, Any]

    def __init__(self, address: object, token: object) -> None:
        self.address = address

    def call(self, method: str, fields: object, timeout_s: float) -> Any:
        return type("Message", (), {"fields": self.status})

    def close(self) -> None:
        pass


GOOD = {
    "backend": "board",
    "board": "pynq-z2",
    "open": True,
    "wants_design": False,
    "notes": [],
    "design": "gatewright-x",
    "unvouched": [],
    "config": {"name": "tiny"},
    "clock_mhz": 100.0,
    "temperature_c": None,
}
CASES: dict[str, tuple[dict[str, Any], str, Verdict, str]] = {
    "no design": (
        GOOD | {"open": False, "why_not": "no bitstream", "wants_design": True},
        "design",
        Verdict.BAD,
        "flash --host b:1",
    ),
    "no board": (GOOD | {"open": False, "why_not": "no pynq"}, "design", Verdict.BAD, "doctor, on the board itself"),
    "its name": (GOOD, "board", Verdict.GOOD, ""),
    "an interrupt that failed": (GOOD | {"notes": ["STATUS is polled"]}, "note", Verdict.ODD, "on the board itself"),
    "a design": (GOOD, "design", Verdict.GOOD, ""),
    "a doubtful design": (GOOD | {"unvouched": ["rebuilt"]}, "design", Verdict.ODD, "before the self-test has passed"),
    "a clock": (GOOD, "clock", Verdict.GOOD, ""),
    "warm": (GOOD | {"temperature_c": 60.0}, "temperature", Verdict.GOOD, ""),
    "hot": (GOOD | {"temperature_c": 95.0}, "temperature", Verdict.ODD, "cool it"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_it_says_is_judged(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    status, name, verdict, remedy = CASES[case]
    monkeypatch.setattr(Answer, "status", status, raising=False)
    monkeypatch.setattr(diagnosis, "Connection", Answer)
    found = {finding.name: finding for finding in examine_agent("b:1")}
    assert found[name].verdict is verdict
    assert remedy in found[name].remedy


def test_no_agent(free_tcp_port: int) -> None:
    (found,) = examine_agent(f"127.0.0.1:{free_tcp_port}")
    assert found.verdict is Verdict.BAD
    assert "no agent answers" in found.found
    assert "gatewright board agent" in found.remedy


def test_a_token_that_is_refused(start_agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started = start_agent(GATEWRIGHT_TOKEN="0123456789abcdef")
    for token in (None, "fedcba9876543210"):
        if token:
            monkeypatch.setenv("GATEWRIGHT_TOKEN", token)
        (found,) = examine_agent(started.host)
        assert found.verdict is Verdict.BAD
        assert "--token-file" in found.remedy


def test_what_answers_is_no_agent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_hang_up, args=(server,), daemon=True).start()
        (found,) = examine_agent(f"127.0.0.1:{server.getsockname()[1]}")
        server.shutdown(socket.SHUT_RDWR)
    assert (found.verdict, "is it the agent's port (7968)?" in found.remedy) == (Verdict.BAD, True)


def _hang_up(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (AgentBusy("as many calls as it takes"), "wait for the calls of others"),
        (AgentTimeout("not within 30 s"), "it is there, and stuck"),
        (AgentLost("lost during 'status'"), "it ended in between"),
        (AgentError("the agent failed: KeyError"), "see its output there"),
    ],
)
def test_a_fault_in_between(error: AgentError, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Answer, "call", fail)
    monkeypatch.setattr(diagnosis, "Connection", Answer)
    (found,) = examine_agent("b:1")
    assert (found.found, found.verdict) == (str(error), Verdict.BAD)
    assert found.remedy.startswith(remedy)
