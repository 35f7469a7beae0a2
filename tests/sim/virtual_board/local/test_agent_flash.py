"""Designs that a client sends to the agent on a board: kept, loaded again after a start, refused where damaged."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from gatewright.agent.errors import AgentError
from gatewright.agent.flash import flash_agent
from gatewright.agent.remote import RemoteAccelerator
from gatewright.artefact import ArtefactError, Built
from gatewright.driver import Accelerator
from gatewright.selftest.programs import BEFORE, program_of
from gatewright.selftest.vectors import load_vectors
from gatewright.spec.config import get_config
from gatewright_sim.virtual_board.local import LocalDoor

PYNQ = "pynq-3.1.2"
Start = Callable[..., "Agent"]


class Agent:
    """One that runs on the board."""

    def __init__(self, process: subprocess.Popen, host: str) -> None:
        self.process = process
        self.host = host

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def start(door: LocalDoor, board_environment, tmp_path: Path) -> Iterator[Start]:
    """Starts agents on the board; they end with the test."""
    running: list[subprocess.Popen] = []

    def begin(*arguments: object, port: int = 0) -> Agent:
        command = [board_environment(PYNQ), "-W", "ignore", "-m", "gatewright", "board", "agent"]
        running.append(
            subprocess.Popen(
                [*map(str, command), "--port", str(port), *map(str, arguments)],
                env=door.environment() | {"XDG_STATE_HOME": str(tmp_path / "state")},
                cwd=tmp_path,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        words = running[-1].stdout.readline().split()
        assert words[:2] == ["agent", "on"], f"it ended with {running[-1].wait(60)}"
        return Agent(running[-1], words[2].rstrip(","))

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait(60)
        process.stdout.close()


@pytest.fixture(scope="module")
def products():
    """A program of some products, and its inputs."""
    vectors = load_vectors("gemm")[:2]
    inputs = {f"{vector.name}{BEFORE}": vector.memory for vector in vectors}
    return program_of("products", vectors, get_config("tiny"), rounds=4), inputs


@pytest.fixture(scope="module")
def from_rtl(products) -> dict[str, np.ndarray]:
    """What the RTL makes of them."""
    program, inputs = products
    with Accelerator("tiny", "rtl") as accelerator:
        return accelerator.load(program)(**inputs)


def _same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> bool:
    return found.keys() == wanted.keys() and all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_an_agent_starts_with_what_was_flashed_last(start: Start, built: Built, products, from_rtl) -> None:
    """An agent without a bitstream says so, takes one, and has it again when it is started again."""

    program, inputs = products
    first = start("--board", "zybo-z7-10")
    with pytest.raises(AgentError, match="the agent has no accelerator: no bitstream"):
        RemoteAccelerator("tiny", first.host)
    status = flash_agent(first.host, built)
    assert status["design"] == built.path(".bit").stem
    with RemoteAccelerator("tiny", first.host, timeout_s=120) as remote:
        assert _same(remote.load(program)(**inputs), from_rtl)
    assert first.end(signal.SIGINT) == 0
    second = start("--board", "zybo-z7-10")
    with RemoteAccelerator(None, second.host, timeout_s=120) as remote:
        assert remote.config == get_config("tiny")
        assert _same(remote.load(program)(**inputs), from_rtl)


def test_a_damaged_design_changes_nothing(start: Start, built: Built, products, from_rtl, tmp_path: Path) -> None:

    program, inputs = products
    agent = start("--bitstream", built.folder)
    bit = built.path(".bit")
    spoilt = tmp_path / "spoilt"
    spoilt.mkdir()
    for path in built.folder.iterdir():
        content = path.read_bytes()
        (spoilt / path.name).write_bytes(content[:-8] if path == bit else content)
    with RemoteAccelerator("tiny", agent.host, timeout_s=120) as remote:
        loaded = remote.load(program)
        with pytest.raises(ArtefactError, match=bit.name):
            flash_agent(agent.host, type(built)(spoilt, built.manifest, built.bit))
        assert _same(loaded(**inputs), from_rtl)
        assert flash_agent(agent.host, built)["open"]
        assert _same(loaded(**inputs), from_rtl)  # loaded again by itself
    assert not list((tmp_path / "state").rglob("new"))
    assert os.listdir(tmp_path / "state" / "gatewright") == ["flashed"]
