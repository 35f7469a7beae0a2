"""The tests of the parts, by name like the source, on one mutant of that source: what benches leave, these may notice.

python -m gatewright_sim.mutation.parts KEY FILE TEST...
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from gatewright_sim.mutation.blocks import ROOT, TESTS
from gatewright_sim.mutation.hook import Hook
from gatewright_sim.mutation.mutant import Mutant
from gatewright_sim.mutation.operators import Operators

__all__ = ["killed_by_parts", "tests_of"]

TIMEOUT_S = 300
FAILED = 1
"""pytest's exit code when a test failed."""


def tests_of(file: str) -> Path | None:
    """The tests of a source of the hardware, where there are any."""
    path = TESTS / Path(file).parent / f"test_{Path(file).name}"
    return path if path.exists() else None


def killed_by_parts(mutant: Mutant) -> str | None:
    """How the tests of its part notice a mutant of a source, None when they do not."""
    tests = tests_of(mutant.file)
    if tests is None:
        return None
    command = [
        sys.executable,
        "-m",
        __name__,
        mutant.key,
        mutant.file,
        "-x",
        "-q",
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
    ]
    try:
        done = subprocess.run(
            [*command, str(tests)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {TIMEOUT_S} s"
    if done.returncode != FAILED:
        return None
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    return failed[0].removeprefix("FAILED ") if failed else "failed"


def main(arguments: list[str]) -> int:
    """pytest's exit code with the mutant in place of the source."""
    key, file, *options = arguments
    Hook([file], Operators(fixed=key)).install()
    return int(import_module("pytest").main(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
