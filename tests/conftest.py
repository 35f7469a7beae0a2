"""What all tests share: random numbers that depend on the test alone, environments like a board's, and the wheel."""

import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings

from environments import board_python

# `--hypothesis-profile=search` looks for new examples; by default each run tries the same ones.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fixed", settings.get_profile("search"), derandomize=True)
settings.load_profile("fixed")


@pytest.fixture(scope="session", autouse=True)
def signals_reach_children() -> Iterator[None]:
    """What a shell's ``&`` or nohup starts ignores these signals, and so would every process that a test starts and
    ends by them. What a function takes, instead, is not inherited; the tests themselves go on as they were told to."""
    ignored = [each for each in (signal.SIGINT, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_IGN]
    for each in ignored:
        signal.signal(each, lambda *_: None)
    yield
    for each in ignored:
        signal.signal(each, signal.SIG_IGN)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C is a KeyboardInterrupt, also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run of the tests that the workers of pytest-xdist share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def shared_cache(shared_folder: Path) -> Path:
    """A cache that is empty when the tests begin, so that one worker trains for all."""
    return shared_folder / "cache"


@pytest.fixture(scope="session")
def wheel(shared_folder: Path) -> Path:
    """The wheel of this checkout, built without a package index."""
    folder = shared_folder / "wheel"
    with FileLock(f"{folder}.lock", timeout=300):
        if not folder.exists():
            build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
            subprocess.run(build, cwd=Path(__file__).parents[1], check=True, timeout=300, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def board_environment(wheel: Path, shared_folder: Path) -> Callable[[str], Path]:
    """The interpreter of an environment (:data:`environments.ENVIRONMENTS`) in which the wheel is installed as well.

    It stands beside what is there, as on a board: nothing is fetched, nothing is replaced.
    """

    def install(name: str) -> Path:
        base = board_python(name)
        folder = shared_folder / f"board-{name}"
        python = folder / "bin" / "python"
        with FileLock(f"{folder}.lock", timeout=300):
            if not (folder / "ready").exists():
                _stand_on(base, folder)
                pip = [python, "-m", "pip", "install", "--quiet", "--no-index", "--disable-pip-version-check"]
                subprocess.run([*pip, f"{wheel}[board]"], check=True, timeout=300)
                (folder / "ready").touch()
        return python

    return install


def _stand_on(base: Path, folder: Path) -> None:
    """A virtual environment in ``folder`` that sees the packages of ``base``, and keeps its own apart from them."""
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    subprocess.run([base, "-m", "venv", "--without-pip", "--clear", folder], check=True, timeout=120)
    below, own = (
        subprocess.run([python, "-c", where], check=True, timeout=60, capture_output=True, text=True).stdout.strip()
        for python in (base, folder / "bin" / "python")
    )
    Path(own, "board.pth").write_text(f"{below}\n")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the test's name, parameters included: the same data in every order of tests."""
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))
