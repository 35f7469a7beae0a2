"""Agents as processes of their own, on ports of their own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from gatewright.agent.transport import grpc
from gatewright.driver import Accelerator

_READY = re.compile(r"agent on (\S+), backend")
WAIT_S = 60


@dataclass
class AgentProcess:
    """One that runs, and where it listens."""

    process: subprocess.Popen
    host: str

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.process.wait(WAIT_S)

    @property
    def port(self) -> int:
        return int(self.host.rpartition(":")[2])


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "gatewright", "board", "agent", *map(str, arguments)]


@pytest.fixture(scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Without tokens, and with flashed designs of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWRIGHT_TOKEN")}
    return kept | {"XDG_STATE_HOME": str(tmp_path_factory.mktemp("state"))}


def _start(environment: dict[str, str], *arguments: object, **variables: str) -> AgentProcess:
    process = subprocess.Popen(
        command("--config", "tiny", *arguments), stdout=subprocess.PIPE, text=True, env=environment | variables
    )
    found = _READY.match(process.stdout.readline())
    if found is None:
        pytest.fail(f"the agent ended with {process.wait(WAIT_S)} before it was ready")
    return AgentProcess(process, found[1])


@pytest.fixture
def start_agent(clean_environment: dict[str, str]) -> Iterator[Callable[..., AgentProcess]]:
    """Starts agents of config tiny; they end with the test."""
    running: list[AgentProcess] = []

    def start(*arguments: object, backend: str = "golden", port: int = 0, **variables: str) -> AgentProcess:
        running.append(_start(clean_environment, "--backend", backend, "--port", port, *arguments, **variables))
        return running[-1]

    yield start
    for each in running:
        each.kill()
        each.process.stdout.close()


@pytest.fixture(scope="session")
def agent(clean_environment: dict[str, str]) -> Iterator[AgentProcess]:
    """One over the golden model, for tests that leave it as it was."""
    started = _start(clean_environment, "--backend", "golden", "--port", 0)
    yield started
    started.kill()
    started.process.stdout.close()


@pytest.fixture
def x() -> np.ndarray:
    """What the program `linear` reads: float32 [4, 24]."""
    return (np.arange(96) * 37 % 201 - 100).reshape(4, 24).astype(np.float32)


@pytest.fixture(scope="session")
def golden() -> Iterator[Accelerator]:
    with Accelerator("tiny", "golden") as opened:
        yield opened


@pytest.fixture
def grpc_server() -> Callable[[str, bytes], AbstractContextManager[str]]:
    """``grpc_server(method, answer)``: a server with one method, which answers this to whoever asks; its address."""

    @contextmanager
    def serving(method: str, answer: bytes) -> Iterator[str]:
        handler = grpc.unary_unary_rpc_method_handler(lambda request, rpc: answer)
        service, _, name = method.rpartition("/")
        server = grpc.server(ThreadPoolExecutor(1), [grpc.method_handlers_generic_handler(service, {name: handler})])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait()

    return serving
