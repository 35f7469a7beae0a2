"""The board's agent, run on the local door as it would be on a board, and clients on the network.

The board is a process of its own, `gatewright board local`, so that it can be switched off by killing it.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gatewright.agent.connect import open_session
from gatewright.artefact import Built
from gatewright.driver import Accelerator, Session
from gatewright.selftest import load_vectors, self_test
from gatewright.selftest.programs import BEFORE, program_of
from gatewright.spec.boards import get_board
from gatewright.spec.errors import GatewrightError
from gatewright_hw.build import Request, build
from gatewright_sim.virtual_board import VirtualBoard
from gatewright_sim.virtual_board.local import LocalDoor

WAIT_S = 120
VERSIONS = ["3.0.1", "3.1.2"]


@dataclass
class BoardWithAgent:
    """A board's process, or the agent's alone, and where the agent listens."""

    process: subprocess.Popen
    host: str

    def kill(self) -> None:
        """Switch the board off; what runs on it ends by itself."""
        self.process.kill()
        self.process.wait(WAIT_S)
        self.process.stdout.close()


def agent_command(python: Path, built: Built, port: int) -> list[str]:
    options = ["--board", built.manifest.board, "--bitstream", str(built.folder), "--port", str(port)]
    return [str(python), "-W", "ignore", "-m", "gatewright", "board", "agent", *options]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., BoardWithAgent]]:
    """Starts a command that says where an agent listens; it ends with the test."""
    running: list[BoardWithAgent] = []

    def launch(command: list[str], variables: Mapping[str, str] = os.environ) -> BoardWithAgent:
        kept = {name: value for name, value in variables.items() if not name.startswith("GATEWRIGHT_TOKEN")}
        environment = kept | {"XDG_STATE_HOME": str(tmp_path / "state")}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment)
        ready = re.match(r"agent on (\S+), backend board", process.stdout.readline())
        if ready is None:
            pytest.fail(f"the agent ended with {process.wait(WAIT_S)} before it was ready")
        running.append(BoardWithAgent(process, ready[1]))
        return running[-1]

    yield launch
    for each in running:
        each.kill()


@pytest.fixture
def start(board_environment, built: Built, launch: Callable[..., BoardWithAgent]) -> Callable[..., BoardWithAgent]:
    """Starts a board with an agent on it, by the PYNQ of this version."""

    def start(version: str, port: int = 0, design: Built = built) -> BoardWithAgent:
        agent = agent_command(board_environment(f"pynq-{version}"), design, port)
        return launch(
            [sys.executable, "-m", "gatewright", "board", "local", "--board", built.manifest.board, "--", *agent]
        )

    return start


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


def test_a_hundred_requests_over_two_boards(start, built: Built, tmp_path: Path, rng: np.random.Generator) -> None:
    """Each at its own clock, by several threads: none is lost, all are what the golden model makes of them."""
    board = get_board(built.manifest.board)
    slower = build("simulation", Request.of(board, built.manifest.config, 50.0), tmp_path / "slower")
    hosts = [start("3.0.1").host, start("3.1.2", design=slower).host]
    (vector,) = (each for each in load_vectors("gemm") if each.name == "gemm int8")
    program = program_of("product", [vector], built.manifest.config)
    place, name = vector.result, f"{vector.name}{BEFORE}"
    memories = [vector.memory.copy() for _ in range(100)]
    for memory in memories:
        memory[: place.address] ^= rng.integers(0, 2, place.address, np.uint8)  # operands, a little different
    with open_session(None, host=hosts[0]) as one, open_session(None, host=hosts[1]) as two:
        assert [one.clock_mhz, two.clock_mhz] == pytest.approx([100.0, 50.0])
        loaded = [one.load(program), two.load(program)]
        with ThreadPoolExecutor(6) as pool:
            turns = [pool.submit(loaded[turn % 2], **{name: memory}) for turn, memory in enumerate(memories)]
        found = [turn.result()[vector.name] for turn in turns]
        assert [session.report().programs for session in (one, two)] == [50, 50]
    with Accelerator(built.manifest.config, "golden") as golden, golden.load(program) as here:
        for memory, outputs in zip(memories, found, strict=True):
            np.testing.assert_array_equal(outputs, here(**{name: memory})[vector.name])


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


def test_a_board_that_freezes(board_environment, built: Built, launch, board: VirtualBoard, door: LocalDoor) -> None:
    """All software on it stops for ever; its clients do not."""
    command = agent_command(board_environment("pynq-3.1.2"), built, 0)
    agent = launch(command, door.environment())
    with open_session("tiny", host=agent.host, timeout_s=5) as session:
        assert not wrong(session)
        board.freeze("as this test wants")
        begun = time.monotonic()
        with pytest.raises(GatewrightError) as caught:
            wrong(session)
        assert time.monotonic() - begun < 60
        assert len(str(caught.value).splitlines()) == 1
