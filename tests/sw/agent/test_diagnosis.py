"""What the doctor learns of a board through its agent."""

from typing import Any

import pytest

from gatewright.agent import diagnosis
from gatewright.agent.diagnosis import examine_agent
from gatewright.doctor import Verdict, exit_code


def test_an_agent_that_works(agent: Any) -> None:
    found = examine_agent(agent.host)
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
    "open": True,
    "design": "gatewright-x",
    "config": {"name": "tiny"},
    "clock_mhz": 100.0,
    "temperature_c": None,
}
CASES: dict[str, tuple[dict[str, Any], str, Verdict]] = {
    "no design": (GOOD | {"open": False, "why_not": "nothing was flashed"}, "design", Verdict.BAD),
    "a clock": (GOOD, "clock", Verdict.GOOD),
    "warm": (GOOD | {"temperature_c": 60.0}, "temperature", Verdict.GOOD),
    "hot": (GOOD | {"temperature_c": 95.0}, "temperature", Verdict.ODD),
}


@pytest.mark.parametrize("case", CASES)
def test_what_it_says_is_judged(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    status, name, verdict = CASES[case]
    monkeypatch.setattr(Answer, "status", status, raising=False)
    monkeypatch.setattr(diagnosis, "Connection", Answer)
    found = {finding.name: finding for finding in examine_agent("board:1")}
    assert found[name].verdict is verdict


def test_no_agent(free_tcp_port: int) -> None:
    (found,) = examine_agent(f"127.0.0.1:{free_tcp_port}")
    assert found.verdict is Verdict.BAD
    assert "no agent answers" in found.found
    assert "gatewright board agent" in found.remedy
