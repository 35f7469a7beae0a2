"""Training by DeepSpeed: what it is told, what it says where it is missing; it learns what one process does."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from gatewright.models.data import load_movielens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.models.text import TextEncoder, load_text_encoder
from gatewright.options import OptionError
from gatewright.spec.errors import GatewrightError
from gatewright.training import launch, zero
from gatewright.training.encoder_files import load_encoder
from gatewright.training.errors import TrainingError
from gatewright.training.fine_tune import FineTuneTask
from gatewright.training.launch import check_devices, gpus, launch_command, launch_environment
from gatewright.training.loop import train
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss
from gatewright.training.zero import CONFIG, join, read_config

USERS, STRETCHES, STEPS = 30, 4, 6
WAIT_S = 1200  # for half a minute of the processor: others may want it


def test_our_configuration_is_one():
    assert read_config(CONFIG)["zero_optimization"]["stage"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON: "),
        ("[1]", "is a list, allowed: an object"),
        ('{"train_batch_size": 8}', "has train_batch_size, which the training's own options decide"),
        ('{"optimizer": {}}', "has optimizer, which"),
        ('{"zero_optimization": {"stage": 3}}', "has zero_optimization.stage 3, allowed: 0, 1, 2"),
        ('{"zero_optimization": 2}', "has zero_optimization.stage None, allowed: 0, 1, 2"),
        (None, "cannot be read: No such file"),
    ],
)
def test_bad_configurations(text, said, tmp_path):
    path = tmp_path / "zero.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TrainingError) as error:
        read_config(path)
    assert str(error.value).startswith(f"configuration {path} ")
    assert said in str(error.value)


def test_without_deepspeed(monkeypatch):
    monkeypatch.setattr(zero, "find_spec", lambda _: None)
    with pytest.raises(TrainingError, match=r"needs the package deepspeed: install gatewright\[train\]"):
        join()


def test_one_machine_meets_at_the_loopback_address():
    command = launch_command(2, 1, None, ["--steps", "3"])
    assert command[1:6] == [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--local-addr=127.0.0.1",
        "--nproc-per-node=2",
    ]
    assert command[6:] == ["-m", "gatewright.training.worker", "--steps", "3"]
    assert launch_environment(2, True, {})["GLOO_SOCKET_IFNAME"] == "lo"


def test_a_process_takes_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert gpus({}) == gpus({"DS_ACCELERATOR": "cuda"}) == 2
    assert gpus({"DS_ACCELERATOR": "cpu"}) == 0
    for devices in (0, 3, 4):
        check_devices(3, devices)
    with pytest.raises(OptionError, match=r"--processes is 3, allowed: up to 2, a GPU each, or DS_ACCELERATOR=cpu"):
        check_devices(3, 2)


def test_several_machines_meet_where_they_are_told():
    command = launch_command(8, 2, "first:29500", [])
    assert {"--nnodes=2", "--rdzv-backend=c10d", "--rdzv-endpoint=first:29500", "--nproc-per-node=8"} <= {*command}
    assert "GLOO_SOCKET_IFNAME" not in launch_environment(8, False, {})
    with pytest.raises(OptionError, match="--nodes 2 needs --meet HOST:PORT"):
        launch_command(8, 2, None, [])


def test_what_the_environment_says_counts_more():
    given = {"OMP_NUM_THREADS": "7", "GLOO_SOCKET_IFNAME": "eth0", "HOME": "/root"}
    assert launch_environment(2, True, given) == given
    assert int(launch_environment(10**6, True, {})["OMP_NUM_THREADS"]) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--processes", "5"], "a batch of 12 cannot be shared equally by 5 processes"),
        (["--processes", "0"], "'0' is given, allowed: whole numbers from 1 on"),
        (["--nodes", "2"], "--nodes 2 needs --meet HOST:PORT"),
        (["--deepspeed", "none.json"], "configuration none.json cannot be read: No such file or directory"),
        (["--step", "3"], "unrecognized arguments: --step 3"),
    ],
)
def test_what_is_wrong_is_said_before_any_process_starts(options, said, monkeypatch, tmp_path):
    monkeypatch.setattr(launch, "require_deepspeed", lambda: None)
    monkeypatch.setattr(sys, "argv", ["launch", "--out", str(tmp_path), *options])
    with pytest.raises(GatewrightError) as error:
        launch.main()
    assert said in str(error.value)


@pytest.fixture
def launched(tmp_path):
    """Starts a training by two processes into a folder."""
    if find_spec("deepspeed") is None:
        pytest.skip("deepspeed is not installed")

    def start(*options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "gatewright.training.launch", "--users", str(USERS), "--steps", str(STEPS)]
        command += ["--stretches", str(STRETCHES), "--validate-every", "2", "--out", str(tmp_path), *options]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    return start


def _curve(folder: Path) -> list[float]:
    return json.loads((folder / "history.json").read_text())["losses"]


def _alone() -> tuple[list[float], TextEncoder]:
    parts = split(load_movielens().subset(USERS), UserTimeSplit())
    plan = Plan(steps=STEPS, validate_every=2)
    task = FineTuneTask(parts, RecommendationLoss(stretches=STRETCHES))
    return train(task, plan).losses, task.encoder


def kill_9(launcher: int) -> None:
    """The launcher and its processes, which have sessions of their own."""
    every = [psutil.Process(launcher), *psutil.Process(launcher).children(recursive=True)]
    for each in every:
        each.kill()


@pytest.mark.slow
@pytest.mark.timeout(3 * WAIT_S)
def test_two_processes_learn_what_one_does_also_when_killed(launched, tmp_path):
    with launched() as child:
        for line in child.stdout:
            if line.startswith("4 of"):
                kill_9(child.pid)
    assert not (tmp_path / "history.json").exists()
    with launched() as child:
        begun = [int(line.split()[0]) for line in child.stdout if " of " in line]
    assert child.wait(WAIT_S) == 0
    assert begun[0] == 5
    losses, encoder = _alone()
    assert np.allclose(_curve(tmp_path), losses, rtol=2e-3)
    text = ["a space adventure"]
    found, expected, before = (
        each.encode(text) for each in (load_encoder(tmp_path / "encoder"), encoder, load_text_encoder())
    )
    assert (found * expected).sum() > 0.9999 > (before * expected).sum()


@pytest.mark.slow
@pytest.mark.timeout(3 * WAIT_S)
def test_a_checkpoint_of_another_number_of_processes_is_refused(launched, tmp_path):
    with launched("--steps", "2") as child:
        child.communicate(timeout=WAIT_S)
    assert child.returncode == 0
    with launched("--processes", "1") as child:
        child.communicate(timeout=WAIT_S)
    assert child.returncode != 0
