"""How long an import takes on a board's Python, beside numpy's own (`make bench`)."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["numpy", "gatewright", "gatewright.recommender"])
@pytest.mark.parametrize("name", ["pynq-3.0.1", "pynq-3.1.2"])
def test_import(name: str, module: str, board_environment: Callable[[str], Path], benchmark) -> None:
    python = board_environment(name)
    benchmark(subprocess.run, [python, "-c", f"import {module}"], check=True, timeout=60)
