"""Without grpcio: said in one line, and nothing else needs it."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys

sys.modules["grpc"] = None
sys.argv[0] = "gatewright"
from gatewright.__main__ import main

main()
"""


@pytest.mark.parametrize(
    "command", [["board", "agent", "--backend", "golden"], ["selftest", "--host", "127.0.0.1"]], ids=["agent", "client"]
)
def test_agent_and_client_say_what_they_need(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error"))
    assert line.startswith("error: an agent and its clients need grpcio (")
    assert line.endswith("): pip install grpcio")


def test_all_else_runs_without_it() -> None:
    command = ["selftest", "--backend", "golden", "--config", "tiny"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
