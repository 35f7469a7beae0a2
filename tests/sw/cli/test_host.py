"""Commands with `--host`: what an agent answers is what the same backend answers here."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An agent over the golden model of config tiny."""
    command = [sys.executable, "-m", "gatewright", "board", "agent", "--backend", "golden", "--config", "tiny"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWRIGHT_TOKEN")}
    folder = str(tmp_path_factory.mktemp("state"))
    process = subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, text=True, env=kept | {"XDG_STATE_HOME": folder}
    )
    yield process.stdout.readline().split()[2].rstrip(",")
    process.kill()
    process.wait(60)
    process.stdout.close()


def test_run(host: str, gatewright, saved, inputs: Path, x: np.ndarray, tmp_path: Path) -> None:
    found = {}
    for name, where in (("here", ["--backend", "golden"]), ("there", ["--host", host])):
        arguments = ["--inputs", inputs, "--outputs", tmp_path / f"{name}.npz", *where, "--json", "-"]
        done = gatewright("run", saved(), *arguments)
        assert done.code == 0, done.err
        found[name] = json.loads(done.out)
    assert found["here"] == found["there"]
    with np.load(tmp_path / "here.npz") as here, np.load(tmp_path / "there.npz") as there:
        np.testing.assert_array_equal(here["y"], there["y"])


def test_selftest(host: str, gatewright) -> None:
    done = gatewright("selftest", "--host", host, "--json", "-")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert (result["passed"], result["config"], result["backend"]) == (True, "tiny", "golden")
    assert result["request"]["transfer_s"] > 0


def test_recommend(host: str, gatewright, small_movielens: Path, tmp_path: Path) -> None:
    found = {}
    for name, where in (("here", ["--backend", "golden", "--config", "tiny"]), ("there", ["--host", host])):
        file = tmp_path / f"{name}.json"
        done = gatewright(
            "recommend", "--user", 15, "--query", "space adventure", "--data", small_movielens, *where, "--json", file
        )
        assert done.code == 0, done.err
        found[name] = json.loads(file.read_text())
        found[name].pop("seconds")
    assert f"by the agent at {host}" in done.out
    assert found["here"] == found["there"]


@pytest.mark.parametrize("command", ["run", "recommend", "selftest"])
def test_another_configuration(command: str, host: str, gatewright, saved, inputs: Path, tmp_path: Path) -> None:
    arguments = {
        "run": [saved(), "--inputs", inputs, "--outputs", tmp_path / "y.npz", "--config", "pynq-z2"],
        "recommend": ["--user", 15, "--config", "pynq-z2"],
        "selftest": ["--board", "pynq-z2"],
    }[command]
    done = gatewright(command, *arguments, "--host", host)
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(f"error: the agent at {host} serves config 'tiny'")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--host", "127.0.0.1:1"], "no agent answers at 127.0.0.1:1: Connection refused"),
        (["--host", "x", "--backend", "golden"], "host 'x' with backend 'golden', allowed with a host: board"),
        (["--host", "pynq://x:y"], "host is 'pynq://x:y', allowed: pynq://HOST[:PORT]"),
    ],
)
def test_hosts_that_do_not_answer(arguments: list[str], sentence: str, gatewright, saved, inputs, tmp_path) -> None:
    done = gatewright("run", saved(), "--inputs", inputs, "--outputs", tmp_path / "y.npz", *arguments)
    assert done.code == 2
    assert done.err.splitlines()[-1] == f"error: {sentence}"
    assert not (tmp_path / "y.npz").exists()
