"""Python environments as the boards' images have them, made once in the cache, for tests of what runs there.

``python tests/environments.py NAME`` prints the path of one's interpreter.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from gatewright.cache import cache_dir, digest

__all__ = ["ENVIRONMENTS", "board_python", "find_python"]

_READY = "ready"
_INSTALL_TIMEOUT_S = 900
_COMMON = ("wheel", "rich", "tokenizers", "typer<0.29")  # of the extra `board`, which images do not have


@dataclass(frozen=True)
class Environment:
    """``python`` is a version, ``packages`` what pip installs."""

    python: str
    packages: tuple[str, ...]


ENVIRONMENTS = {
    # PYNQ's image 3.0.1, and Kria-PYNQ: numpy of Ubuntu 22.04 and upwards.
    "pynq-3.0.1": Environment(
        "3.10",
        (
            "numpy==1.21.6",
            "pynq==3.0.1",
            "pynqmetadata==0.1.2",
            "pynqutils==0.1.1",
            "ipython<9",  # which pynqmetadata 0.1.2 imports and does not ask for
            "pydantic<2",
            "pycparser<3",
            "setuptools<=80",
            "grpcio==1.64.0",
        ),
    ),
    "pynq-3.1.2": Environment(
        "3.10", ("numpy==1.26.4", "pynq==3.1.2", "pycparser<3", "setuptools<=80", "grpcio==1.64.0")
    ),
    "python-3.12": Environment("3.12", ("numpy>=2", "grpcio")),
    "python-3.13": Environment("3.13", ("numpy>=2", "grpcio")),
}
"""By name; all also have what the extra ``board`` brings."""


def find_python(version: str) -> Path | None:
    """An interpreter of this version that can make environments: on PATH, or pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    for candidate in filter(None, found):
        code = "import ensurepip, venv, sys; print('%d.%d' % sys.version_info[:2])"
        run = subprocess.run([candidate, "-c", code], capture_output=True, text=True, timeout=60)
        if run.stdout.strip() == version:  # pyenv puts commands on PATH that only say what to do
            return Path(candidate)
    return None


@cache
def board_python(name: str) -> Path:
    """The interpreter of environment ``name``. Skips the test where there is no such Python or no package index.

    It is not to be changed: tests that install something make a copy of their own with ``--target``.
    """
    wanted = ENVIRONMENTS[name]
    base = find_python(wanted.python)
    if base is None:
        pytest.skip(f"no python{wanted.python} with venv, on PATH or in pyenv")
    packages = (*wanted.packages, *_COMMON)
    folder = cache_dir("environments") / f"{name}-{digest(str(base.resolve()), *packages)}"
    with FileLock(f"{folder}.lock", timeout=2 * _INSTALL_TIMEOUT_S):
        if not (folder / _READY).exists():
            _make(folder, base, packages)
    return folder / "bin" / "python"


def _make(folder: Path, base: Path, packages: tuple[str, ...]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([base, "-m", "venv", folder], check=True, timeout=120, capture_output=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run = subprocess.run([*pip, *packages], capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S)
    if run.returncode:
        reason = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        pytest.skip(f"pip cannot install {', '.join(packages)}: {reason}")
    (folder / _READY).touch()


if __name__ == "__main__":
    print(board_python(sys.argv[1]))
