"""Our wheel from an installed package is the one that it was installed from."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CODE = """
import sys
from pathlib import Path
from gatewright.bundle.wheel import write_wheel

print(write_wheel(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the wheel was installed into."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(pip, check=True, timeout=300)
    return target


def _write(installed: Path, out: Path) -> Path:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", CODE, str(out)]
    done = subprocess.run(command, cwd=out, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return Path(done.stdout.strip())


def test_the_same_files_with_the_same_contents(installed: Path, wheel: Path, tmp_path: Path) -> None:
    made = _write(installed, tmp_path)
    assert made.name == wheel.name
    with zipfile.ZipFile(made) as ours, zipfile.ZipFile(wheel) as original:
        names = {name for name in original.namelist() if not name.endswith("RECORD")}
        assert {name for name in ours.namelist() if not name.endswith("RECORD")} == names
        assert all(ours.read(name) == original.read(name) for name in names)


def test_pip_takes_it(installed: Path, tmp_path: Path) -> None:
    made = _write(installed, tmp_path)
    target = tmp_path / "again"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, made]
    subprocess.run(pip, check=True, timeout=300)
    assert (target / "gatewright" / "selftest" / "data" / "gemm.npz").is_file()
