"""Our driver over PYNQ's remote clients: identical results, clocks, failures that end in a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from environments import board_python
from gatewright.driver import Accelerator
from gatewright.driver.board import pynq_versions
from gatewright.driver.board.lease import TERM_S, Lease
from gatewright.driver.errors import BoardError, GatewrightError, OutOfDeviceMemory
from gatewright.spec.boards import get_board
from gatewright.spec.config import get_config
from gatewright_hw.build import Request, build
from gatewright_sim.virtual_board.pynq_remote.messages import MESSAGES
from serving import ServedBoard

pytest.importorskip("pynq")
REQUESTS = Path(__file__).with_name("requests.py")
SOURCES = Path(__file__).parents[4] / "sw"
REQUEST_COUNT = 100
SLCR, FCLK0 = 0xF800_0000, 0x170


@pytest.fixture(scope="module")
def designs(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """Of the smallest configuration on a Zybo, by clock."""
    made = {}
    for mhz in (100.0, 50.0):
        request = Request.of(get_board("zybo-z7-10"), get_config("tiny"), mhz)
        made[mhz] = build("simulation", request, tmp_path_factory.mktemp("built") / "design").folder
    return made


@pytest.fixture
def board() -> Iterator[ServedBoard]:
    with ServedBoard() as served:
        yield served


def open_(board: ServedBoard, design: Path, **options: object) -> Accelerator:
    host = f"pynq://{board.host}:{board.port}"
    return Accelerator("tiny", "board", host=host, bitstream=design, **{"timeout_s": 60, **options})


def operands(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = (rng.integers(-128, 128, shape, np.int8) for shape in ((9, 30), (11, 30)))
    return a, b, a.astype(np.int32) @ b.T.astype(np.int32)


def clock_register(board: ServedBoard) -> int:
    """Of fabric clock 0, by a client of its own."""
    with grpc.insecure_channel(f"{board.host}:{board.port}") as channel:

        def call(method: str, request: str, response: str, **fields: object) -> object:
            kinds = (MESSAGES[request].SerializeToString, MESSAGES[response].FromString)
            return channel.unary_unary(f"/mmio.Mmio/{method}", *kinds)(MESSAGES[request](**fields), timeout=30)

        name = call("get_mmio", "GetMmioRequest", "GetMmioResponse", base_addr=SLCR, length=4096).mmio_id
        return call("read", "ReadRequest", "ReadResponse", mmio_id=name, offset=FCLK0).data


@pytest.mark.parametrize("version", ["3.1.2", "4.0.0"])
def test_requests_spread_over_two_boards(version: str, designs: dict[float, Path], tmp_path: Path) -> None:
    python = sys.executable if version == "4.0.0" else board_python(f"pynq-{version}")
    with ServedBoard() as fast, ServedBoard() as slow:
        arguments = [f"{board.port}:{designs[mhz]}" for board, mhz in ((fast, 100.0), (slow, 50.0))]
        done = subprocess.run(
            [python, REQUESTS, str(REQUEST_COUNT), *arguments],
            capture_output=True, text=True, timeout=300, cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(SOURCES)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        found = json.loads(done.stdout.splitlines()[-1])
        controls = [clock_register(board) for board in (fast, slow)]
    assert found["pynq"] == version
    assert found["answered"] == list(range(REQUEST_COUNT))
    assert found["wrong"] == []
    assert all(found["shares"])
    assert found["clocks"] == pytest.approx([100.0, 50.0])
    assert [(value >> 8 & 63) * (value >> 20 & 63) for value in controls] == [10, 20]  # of 1000 MHz
    for log in (fast.log, slow.log):
        assert "may compute anything" not in log


@pytest.mark.parametrize(("name", "options"), [("kv260", ()), ("zybo-z7-10", ("--booted-with-another",))])
def test_other_boards(name: str, options: tuple[str, ...], tmp_path: Path, rng: np.random.Generator) -> None:
    """Also one whose fabric holds somebody else's design, which the driver does not touch."""
    design = build("simulation", Request.of(get_board(name), get_config("tiny"), 90.0), tmp_path / "design").folder
    a, b, wanted = operands(rng)
    with ServedBoard(name, *options) as board:
        for _ in range(2):  # the second time it has ours
            with open_(board, design) as accelerator:
                assert np.array_equal(accelerator.gemm(a, b), wanted)
        assert board.stop() == 0
    assert "somebody else" not in board.log
    assert "may compute anything" not in board.log


def test_a_board_that_is_killed_in_mid_request(designs: dict[float, Path], rng: np.random.Generator) -> None:
    """An error in time, then a restarted board at the same place takes the next request."""
    a, b, wanted = operands(rng)
    with ServedBoard() as board:
        accelerator = open_(board, designs[100.0])
        assert np.array_equal(accelerator.gemm(a, b), wanted)
        errors: list[BaseException] = []
        started = threading.Event()

        def ask() -> None:
            try:
                while True:
                    started.set()
                    accelerator.gemm(a, b)
            except BaseException as error:
                errors.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        assert started.wait(30)
        time.sleep(0.05)
        board.kill()
        asking.join(60)
        assert not asking.is_alive()
        assert isinstance(errors[0], GatewrightError)
        assert f"pynq://{board.host}:{board.port}" in str(errors[0])
        with pytest.raises(GatewrightError):
            accelerator.gemm(a, b)
        accelerator.close()
    with ServedBoard(port=board.port) as again, open_(again, designs[100.0]) as accelerator:
        assert np.array_equal(accelerator.gemm(a, b), wanted)


def test_a_board_that_freezes(
    board: ServedBoard, designs: dict[float, Path], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever talks to it is told so within the deadline, and every later call is, too."""
    monkeypatch.setattr(pynq_versions, "RPC_TIMEOUT_S", 2.0)
    a, b, wanted = operands(rng)
    accelerator = open_(board, designs[100.0])
    assert np.array_equal(accelerator.gemm(a, b), wanted)
    window = accelerator.backend.port.window(SLCR, 0x1000)
    window.write(0x900, 0)  # the level shifters: no register of the design answers any more
    start = time.monotonic()
    with pytest.raises(BoardError, match="no answer"):
        accelerator.gemm(a, b)
    accelerator.close()
    assert time.monotonic() - start < 30
    assert "frozen" in board.log


HOLD = """
import sys
from gatewright.driver import Accelerator
with Accelerator("tiny", "board", host=sys.argv[1], bitstream=sys.argv[2]):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_second_client_is_refused_until_the_first_has_gone(
    board: ServedBoard, designs: dict[float, Path], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would stop the board by its download. One that was killed lets it go after a while."""
    a, b, wanted = operands(rng)
    host = f"pynq://{board.host}:{board.port}"
    with open_(board, designs[100.0]) as accelerator:
        with pytest.raises(BoardError, match="in use by this process, which must close it first"):
            open_(board, designs[50.0])
        assert np.array_equal(accelerator.gemm(a, b), wanted)
    arguments = [sys.executable, "-c", HOLD, host, str(designs[100.0])]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(BoardError, match=f"{host}: .* in use by process {other.pid} on .*: end it first"):
            open_(board, designs[50.0])
        other.kill()
    with pytest.raises(BoardError, match=r"if it was killed, the board is free in \d+ s"):
        open_(board, designs[50.0])
    uptime = Lease._uptime
    monkeypatch.setattr(Lease, "_uptime", lambda lease: uptime(lease) + TERM_S)
    with open_(board, designs[100.0]) as accelerator:
        assert np.array_equal(accelerator.gemm(a, b), wanted)
    assert "frozen" not in board.log


def test_a_foreign_bitstream(board: ServedBoard, designs: dict[float, Path], tmp_path: Path) -> None:
    """One of other sources: the board refuses it in silence, the driver does not."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    code = (
        "import sys; from pathlib import Path; from gatewright_hw.build import Request, build, simulation;"
        "from gatewright.spec.boards import get_board; from gatewright.spec.config import get_config;"
        "simulation.design_hash = lambda config: '0' * 16;"
        "build('simulation', Request.of(get_board('zybo-z7-10'), get_config('tiny'), 100.0), Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "other")], check=True, timeout=120, env=env)
    with pytest.raises(BoardError, match="'write error'"):
        open_(board, tmp_path / "other")
    with open_(board, designs[100.0]) as accelerator:
        assert int.from_bytes(b"GWRT", "big") == accelerator.registers.ID


def test_memory_that_is_not_there(board: ServedBoard, designs: dict[float, Path]) -> None:
    with open_(board, designs[100.0]) as accelerator:
        with pytest.raises(OutOfDeviceMemory, match=r"CMA.*clients that were killed: `systemctl restart pynq-remote`"):
            accelerator.backend.allocate(121 << 20)
        accelerator.backend.allocate(1 << 20).free()


def test_syncs_that_do_nothing(designs: dict[float, Path]) -> None:
    """PYNQ.remote's buffers are always cacheable: nothing is left to fall back to."""
    with ServedBoard("zybo-z7-10", "--broken-flush") as board, pytest.raises(BoardError, match="sync"):
        open_(board, designs[100.0])
