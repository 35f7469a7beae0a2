"""PYNQ's own clients, unmodified, against `gatewright board serve` in a process of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from environments import board_python
from gatewright.artefact.bitfile import read_bit
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build import Request, build
from gatewright_sim.virtual_board.pynq_remote.messages import MESSAGES
from serving import ServedBoard

CLIENT = Path(__file__).with_name("client.py")
VERSIONS = ("3.1.2", "4.0.0")
ID = int.from_bytes(b"GWRT", "big")


@pytest.fixture(scope="module")
def bits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Bitstreams of the smallest configuration, by board."""
    made = {}
    for name in ("zybo-z7-10", "kv260"):
        request = Request.of(get_board(name), get_config("tiny"), 50.0)
        made[name] = build("simulation", request, tmp_path_factory.mktemp(name) / "built").path(".bit")
    return made


@pytest.fixture
def board() -> Iterator[ServedBoard]:
    with ServedBoard() as served:
        yield served


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Run a version's client against a port."""

    def run(version: str, port: int, *bits: Path) -> dict[str, Any]:
        python = sys.executable if version == VERSIONS[-1] else board_python(f"pynq-{version}")
        done = subprocess.run(
            [python, CLIENT, str(port), *map(str, bits)],
            capture_output=True, text=True, timeout=120, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.parametrize("name", ["zybo-z7-10", "kv260"])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_overlay(run: Callable[..., dict[str, Any]], bits: dict[str, Path], version: str, name: str) -> None:
    with ServedBoard(name) as board:
        found = run(version, board.port, bits[name])
        assert board.stop() == 0
    assert found["pynq"] == version
    assert found["arch"] == {"zybo-z7-10": "armv7l", "kv260": "aarch64"}[name]
    assert found["name"] == {"zybo-z7-10": "Zybo Z7-10", "kv260": "Unknown"}[name]
    assert found["downloads"] == ["operating"]
    assert found["id"] == ID
    assert found["upper bit"] == {"3.1.2": -8, "4.0.0": 0xFFFF_FFF8}[version]
    assert found["bytes"] == [8, 0]  # four bytes of eight
    assert found["buffer"] is True
    assert found["address"] % 4096 == 0
    assert found["slice"] == "refused"
    assert found["huge"] == "NOT_FOUND"  # at the first use, not as it was allocated
    assert "frozen" not in board.log


@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_bitstream_of_an_old_name_is_not_uploaded(
    run: Callable[..., dict[str, Any]], bits: dict[str, Path], board: ServedBoard, version: str, tmp_path: Path
) -> None:
    """The board has a file of that name: the old one is flashed again, and nobody says so."""
    old, new = tmp_path / "old" / "same.bit", tmp_path / "new" / "same.bit"
    for path in (old, new):
        path.parent.mkdir()
        shutil.copy(bits["zybo-z7-10"].with_suffix(".hwh"), path.with_suffix(".hwh"))
    content = read_bit(bits["zybo-z7-10"])
    old.write_bytes(content.to_bytes())
    new.write_bytes(replace(content, words=content.words[:-32] + bytes(32)).to_bytes())  # would be refused
    assert run(version, board.port, old, new)["downloads"] == ["operating", "operating"]
    other = new.rename(new.with_name("other.bit"))
    shutil.copy(new.with_suffix(".hwh"), other.with_suffix(".hwh"))
    assert run(version, board.port, other)["downloads"] == ["write error"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_board_that_is_killed_and_started_again(
    run: Callable[..., dict[str, Any]], bits: dict[str, Path], version: str
) -> None:
    """Whoever waits gets an error, ids of before are unknown, and the next client is served."""
    with ServedBoard() as board:
        channel = grpc.insecure_channel(f"127.0.0.1:{board.port}")
        kinds = (MESSAGES["GetMmioRequest"].SerializeToString, MESSAGES["GetMmioResponse"].FromString)
        map_ = channel.unary_unary("/mmio.Mmio/get_mmio", *kinds)
        read = channel.unary_unary(
            "/mmio.Mmio/read", MESSAGES["ReadRequest"].SerializeToString, MESSAGES["ReadResponse"].FromString
        )
        name = map_(MESSAGES["GetMmioRequest"](base_addr=0x4000_0000, length=4096), timeout=30).mmio_id
        waiting = read.future(MESSAGES["ReadRequest"](mmio_id=name), timeout=60)  # freezes it
        with pytest.raises(grpc.FutureTimeoutError):
            waiting.result(0.3)
        board.kill()
        assert waiting.exception(60).code() is grpc.StatusCode.UNAVAILABLE
    with ServedBoard(port=board.port) as again:
        assert run(version, again.port, bits["zybo-z7-10"])["downloads"] == ["operating"]
        with pytest.raises(grpc.RpcError) as caught:
            read(MESSAGES["ReadRequest"](mmio_id="7"), timeout=30, wait_for_ready=True)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(board: ServedBoard, number: int) -> None:
    assert board.stop(number) == 0
    assert "Traceback" not in board.log


def test_two_on_one_port(board: ServedBoard) -> None:
    command = [sys.executable, "-m", "gatewright", "board", "serve", "--port", str(board.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr == f"error: cannot listen on 127.0.0.1:{board.port}: Address already in use\n"
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--board", "pynq-z3"), "unknown board"),
        (("--config", "huge"), "unknown config"),
        (("--port", "70000"), "--port"),
        (("--bitstreams", "/no/such/folder"), "--bitstreams /no/such/folder: no such folder"),
    ],
)
def test_bad_options(options: tuple[str, ...], message: str) -> None:
    command = [sys.executable, "-m", "gatewright", "board", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert message in done.stderr
