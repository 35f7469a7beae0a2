"""The self-test with the Python and the numpy of boards."""

import json
import os
import subprocess
from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["pynq-3.0.1", "pynq-3.1.2", "python-3.12", "python-3.13"])
def test_the_vectors_pass_there(name: str, board_environment, tmp_path: Path) -> None:
    command = [board_environment(name), "-m", "gatewright", "selftest", "--backend", "golden", "--json", "-"]
    environment = {variable: value for variable, value in os.environ.items() if variable != "PYTHONPATH"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"]
