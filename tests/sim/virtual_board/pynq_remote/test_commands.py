"""`gatewright flash`, `doctor` and `selftest` on a PC, with PYNQ 3.1.2 and 4.0.0, against a served board."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gatewright.artefact import Built
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build import Request, build
from serving import ServedBoard

VERSIONS = ("3.1.2", "4.0.0")
TIMEOUT_S = 120

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    request = Request.of(get_board("zybo-z7-10"), get_config("tiny"), 90.0)
    return build("simulation", request, tmp_path_factory.mktemp("built") / "design")


@pytest.fixture(params=VERSIONS)
def run(request: pytest.FixtureRequest, board_environment: Callable[[str], Path], tmp_path: Path) -> Run:
    """The command with a version of PYNQ."""
    pytest.importorskip("pynq")
    last = request.param == VERSIONS[-1]
    python = Path(sys.executable) if last else board_environment(f"pynq-{request.param}")

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [python, "-W", "ignore", "-m", "gatewright", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=tmp_path, env=_environment(last)
        )

    return run


def _environment(sources: bool) -> dict[str, str]:
    """Of a shell on a PC; our sources are on its path where gatewright is not installed."""
    shell = {"PATH": "/usr/bin:/bin", "COLUMNS": "200", "HOME": str(Path.home())}
    return {**shell, "PYTHONPATH": ":".join(sys.path)} if sources else shell


def test_a_board_from_flash_to_selftest(run: Run, built: Built) -> None:
    with ServedBoard() as board:
        host = f"pynq://{board.host}:{board.port}"
        before = run("doctor", "--host", host, "--board", "zybo-z7-10")
        assert "frozen" not in board.log, "a doctor does not touch a fabric that is empty"
        flashed = run("flash", built.folder, "--host", host)
        assert flashed.returncode == 0, flashed.stderr
        assert "90.9091 MHz" not in flashed.stdout  # that would be too fast
        assert "83.333 MHz" in flashed.stdout
        after = run("doctor", "--host", host)
        assert after.returncode == 0, after.stdout + after.stderr
        assert "config tiny, answers" in after.stdout
        assert before.returncode != 0 or "config tiny" not in before.stdout
        tested = run("selftest", "--host", host, "--bitstream", built.folder, "--json", "-")
        assert tested.returncode == 0, tested.stderr
        kernels = json.loads(tested.stdout)["kernels"]
        assert len(kernels) == 4
        assert board.stop() == 0
    assert "frozen" not in board.log
    assert "may compute anything" not in board.log


@pytest.fixture
def stranger() -> Iterator[int]:
    """A port where something listens that is no board."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    connection.close()
            except OSError:
                return

        threading.Thread(target=hang_up, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("command", ["flash", "selftest"])
def test_hosts_that_are_no_boards(run: Run, built: Built, stranger: int, command: str) -> None:
    """One line, exit code 2."""
    where = [built.folder] if command == "flash" else ["--bitstream", built.folder]
    for host in (f"pynq://127.0.0.1:{stranger}", "pynq://127.0.0.1:1", "pynq://"):
        done = run(command, *where, "--host", host)
        assert done.returncode == 2, done.stdout
        (line,) = [line for line in done.stderr.splitlines() if "error" in line]
        assert host in line
        assert "unexpected" not in line
