"""The board's agent, run on the local door as it would be on a board, and clients on the network.

The board is a process of its own, `gatewright board local`, so that it can be switched off by killing it.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewright.agent.connect import open_session
from gatewright.artefact import Built
from gatewright.driver import Session
from gatewright.selftest import load_vectors, self_test
from gatewright.selftest.programs import BEFORE, program_of
from gatewright.spec.errors import GatewrightError

WAIT_S = 120
VERSIONS = ["3.0.1", "3.1.2"]


@dataclass
class BoardWithAgent:
    """A board, and where its agent listens."""

    process: subprocess.Popen
    host: str

    def kill(self) -> None:
        """Switch the board off; what runs on it ends by itself."""
        self.process.kill()
        self.process.wait(WAIT_S)
        self.process.stdout.close()


@pytest.fixture
def start(board_environment, built: Built, tmp_path: Path) -> Iterator[Callable[..., BoardWithAgent]]:
    """Starts a board with an agent on it, by the PYNQ of this version; they end with the test."""
    running: list[BoardWithAgent] = []

    def start(version: str, port: int = 0) -> BoardWithAgent:
        local = [sys.executable, "-m", "gatewright", "board", "local", "--board", built.manifest.board]
        agent = [board_environment(f"pynq-{version}"), "-W", "ignore", "-m", "gatewright", "board", "agent"]
        options = ["--board", built.manifest.board, "--bitstream", built.folder, "--port", str(port)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWRIGHT_TOKEN")}
        process = subprocess.Popen(
            [*local, "--", *agent, *options],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=kept | {"XDG_STATE_HOME": str(tmp_path / "state")},
        )
        ready = re.match(r"agent on (\S+), backend board", process.stdout.readline())
        if ready is None:
            pytest.fail(f"the agent ended with {process.wait(WAIT_S)} before it was ready")
        running.append(BoardWithAgent(process, ready[1]))
        return running[-1]

    yield start
    for each in running:
        each.kill()


def wrong(session: Session, rounds: int = 1) -> list[str]:
    """What is wrong in the results of a program with every vector of the products."""
    vectors = [vector for vector in load_vectors("gemm") if not vector.why_not(session.config)]
    with session.load(program_of("products", vectors, session.config, rounds)) as program:
        found = program(**{f"{vector.name}{BEFORE}": vector.memory for vector in vectors})
    return [each for each in (vector.difference(found[vector.name]) for vector in vectors) if each]


@pytest.mark.parametrize("version", VERSIONS)
def test_clients_of_an_agent_on_the_board(version: str, start) -> None:
    board = start(version)
    with open_session("tiny", host=board.host) as session:
        assert self_test(session).passed
        assert session.clock_mhz == pytest.approx(100.0)


def test_a_board_that_is_switched_off_in_a_request(start) -> None:
    board = start("3.0.1")
    session = open_session("tiny", host=board.host, timeout_s=60)
    assert not wrong(session)
    off = threading.Timer(1.0, board.process.kill)
    off.start()
    begun = time.monotonic()
    with pytest.raises(GatewrightError, match=re.escape(board.host)) as caught:
        wrong(session, rounds=1000)  # minutes
    assert time.monotonic() - begun < 40
    assert len(str(caught.value).splitlines()) == 1
    off.join()
    with suppress(GatewrightError):
        session.close()
    board.kill()
    again = start("3.0.1", port=int(board.host.rpartition(":")[2]))
    with open_session("tiny", host=again.host) as session:
        assert not wrong(session)
