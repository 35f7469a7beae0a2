"""What a request costs the host, in instructions of its processor.

    python -m gatewright_sim.host_cost [--config NAME] [--json FILE]

Valgrind counts what a process executes from its start to its end, with an accelerator that does nothing: once for two
requests, once for seven. A fifth of the difference is a request. A PYNQ-Z2's processor is an ARM; the counts are of the
machine that this runs on, and become milliseconds by an assumed rate.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from gatewright.models.data import load_movielens
from gatewright.models.deploy import deploy_or_load
from gatewright.models.train import train_or_load
from gatewright.spec.config import CONFIGS, get_config
from gatewright_sim.host_cost import requests

__all__ = ["Cost", "main", "measured"]

FEW, MANY = 2, 7
"""Requests of the two processes."""
QUERY = "space adventure"
ASSUMED_RATE = 0.45e9
"""Instructions a second of the Cortex-A9 at 650 MHz of a PYNQ-Z2: an assumption, 0.7 a cycle."""
RATINGS = (20, 2000)
_COUNTED = re.compile(r"^==\d+== Collected : (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """Instructions of one request; ``ms`` at ASSUMED_RATE."""

    user: int
    ratings: int
    query: str | None
    instructions: int

    @property
    def ms(self) -> float:
        return self.instructions / ASSUMED_RATE * 1e3


def measured(folder: Path, user: int, query: str | None) -> int:
    """Instructions of a request of the deployed model in ``folder``. Raises RuntimeError where Valgrind fails."""
    few, many = (_counted(folder, user, query, count) for count in (FEW, MANY))
    return round((many - few) / (MANY - FEW))


def _counted(folder: Path, user: int, query: str | None, count: int) -> int:
    request = [str(folder.absolute()), str(count), str(user), *([query] if query else [])]
    environment = os.environ | {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with (
        tempfile.TemporaryDirectory() as work
    ):  # to run in: Python lists its folder again whenever somebody writes there
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={work}/out"]
        command += [sys.executable, "-m", requests.__name__, *request]
        done = subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True, check=False)
    found = _COUNTED.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"valgrind has counted nothing: {done.stderr[-1000:]}")
    return int(found[1])


def _users(count: npt.NDArray[np.int64]) -> list[int]:
    """Indices of the users whose ratings, ``count`` [users], are about as many as RATINGS says."""
    return [int(np.argmin(np.abs(count - wanted))) for wanted in RATINGS]


def main(arguments: list[str] | None = None) -> int:
    """Print the costs; exit code 2 without Valgrind."""
    parser = argparse.ArgumentParser(prog="python -m gatewright_sim.host_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="pynq-z2", choices=sorted(CONFIGS))
    parser.add_argument("--json", type=Path, help="write the result to this file as well")
    options = parser.parse_args(arguments)
    if shutil.which("valgrind") is None:
        print("valgrind is not on PATH: install the system's package of that name", file=sys.stderr)
        return 2
    data = load_movielens()
    deployed = deploy_or_load(train_or_load(data), get_config(options.config))
    count = np.diff(data.user_ptr)
    asked = [(user, query) for user in _users(count) for query in (None, QUERY)]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        deployed.save(folder)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda each: measured(folder, int(data.user_ids[each[0]]), each[1]), asked))
    costs = [
        Cost(int(data.user_ids[user]), int(count[user]), query, instructions)
        for (user, query), instructions in zip(asked, found, strict=True)
    ]
    table = Table("user", "ratings", "query", "instructions", "ms, assumed", title="the host's part of a request")
    for cost in costs:
        table.add_row(f"{cost.user}", f"{cost.ratings:,}", cost.query or "", f"{cost.instructions:,}", f"{cost.ms:.1f}")
    Console().print(table)
    print(f"milliseconds at {ASSUMED_RATE / 1e9:g} G instructions a second, assumed of a Cortex-A9 at 650 MHz")
    if options.json:
        told = {"rate": ASSUMED_RATE, "costs": [{**asdict(cost), "ms": cost.ms} for cost in costs]}
        options.json.write_text(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
