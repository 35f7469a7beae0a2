"""The loop: a killed training continues to the very same weights, and ends by its rule."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import tiny_training
from gatewright.training import loop
from gatewright.training.errors import CheckpointError, TrainingError
from gatewright.training.history import History, Look
from gatewright.training.loop import train
from gatewright.training.plan import Plan
from tiny_training import PLAN, TinyTask


@pytest.fixture(scope="module")
def undisturbed():
    task = TinyTask()
    return train(task, PLAN), task.module.state_dict()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def killed_after(step: int, folder: Path, delay: float) -> int:
    """Trains in a process of its own, which SIGKILL ends ``delay`` seconds into what follows ``step``; where it began.

    It waits for a word before it goes on, so that it cannot have come further than the next step.
    """
    command = [sys.executable, tiny_training.__file__, str(folder)]
    said = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            said.append(int(line))
            print(file=child.stdin, flush=True)
            if said[-1] == step:
                time.sleep(delay)
                child.kill()
                break
    assert child.returncode == -signal.SIGKILL
    return said[0]


def test_kill_9_loses_nothing_but_the_current_step(tmp_path, undisturbed):
    """Killed in a stretch between two looks and in a step with one, then continued to the end."""
    assert killed_after(17, tmp_path, 0.001) == 0
    assert killed_after(34, tmp_path, 0.003) in (18, 19)
    task, steps = TinyTask(), []
    history = train(task, PLAN, folder=tmp_path, progress=lambda step, _: steps.append(step))
    assert steps[0] in (35, 36)
    assert steps == list(range(steps[0], 61))
    expected, weights = undisturbed
    assert history.losses == expected.losses
    assert [(look.step, look.quality) for look in history.looks] == [
        (look.step, look.quality) for look in expected.looks
    ]
    assert same(task.module.state_dict(), weights)


@pytest.mark.parametrize("where", ["loss", "quality", "save_checkpoint"])
def test_an_error_anywhere_loses_no_more(where, tmp_path, undisturbed, monkeypatch):
    calls = []

    def fail(*arguments):
        calls.append(1)
        if len(calls) > 5:
            raise OSError("no space left")
        return original(*arguments)

    task = TinyTask()
    owner = loop if where == "save_checkpoint" else task
    original = getattr(owner, where)
    with monkeypatch.context() as patch:
        patch.setattr(owner, where, fail)
        with pytest.raises(OSError, match="no space"):
            train(task, PLAN, folder=tmp_path)
    again = TinyTask()
    train(again, PLAN, folder=tmp_path)
    assert same(again.module.state_dict(), undisturbed[1])


def test_what_has_ended_is_loaded_and_may_go_on(tmp_path):
    short, whole, going_on = TinyTask(), TinyTask(), TinyTask()
    train(short, replace(PLAN, steps=21), folder=tmp_path)
    steps = []
    train(TinyTask(), replace(PLAN, steps=21), folder=tmp_path, progress=lambda step, _: steps.append(step))
    assert steps == []
    train(going_on, replace(PLAN, steps=42), folder=tmp_path)
    train(whole, replace(PLAN, steps=42))
    assert same(going_on.module.state_dict(), whole.module.state_dict())


@pytest.mark.parametrize(
    ("task", "plan", "field"),
    [
        (TinyTask(data="points 2"), PLAN, "data"),
        (TinyTask(model="large"), PLAN, "model"),
        (TinyTask(), replace(PLAN, learning_rate=0.02), "plan.learning_rate"),
        (TinyTask(), replace(PLAN, seed=1), "plan.seed"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused_by_its_field(task, plan, field, tmp_path):
    train(TinyTask(), replace(PLAN, steps=2), folder=tmp_path)
    with pytest.raises(CheckpointError, match=f"is of another run: its {field} is "):
        train(task, plan, folder=tmp_path)


def test_a_checkpoint_of_other_layers_is_refused(tmp_path):
    train(TinyTask(), replace(PLAN, steps=2), folder=tmp_path)
    task = TinyTask()
    task.module[3].requires_grad_(True)
    with pytest.raises(CheckpointError, match="its trained is "):
        train(task, PLAN, folder=tmp_path)


def test_layers_that_are_not_trained_stay_and_cost_no_checkpoint(tmp_path, undisturbed):
    task = TinyTask()
    before = task.module[3].weight.clone()
    train(task, replace(PLAN, steps=3), folder=tmp_path)
    assert torch.equal(task.module[3].weight, before)
    assert not [name for name in _tensors(tmp_path) if name.endswith("3.weight")]
    assert not torch.equal(task.module[0].weight, TinyTask().module[0].weight)


def _tensors(folder):
    (file,) = folder.glob("*.safetensors")
    with safe_open(file, "pt") as opened:
        return list(opened.keys())


def test_the_global_generator_is_left_alone():
    task = TinyTask()
    before = torch.get_rng_state()
    train(task, replace(PLAN, steps=2))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_weights_of_the_best_look_are_kept():
    task = TinyTask()
    history = train(task, replace(PLAN, learning_rate=0.5, steps=40))
    assert history.best.quality > history.looks[-1].quality  # else it shows nothing
    assert task.quality() == history.best.quality


@pytest.mark.parametrize(
    ("qualities", "plan", "ended"),
    [
        ([], Plan(), False),
        ([0.1], Plan(), False),
        ([0.3, 0.2, 0.3], Plan(patience=2), True),  # as good is not better
        ([0.3, 0.2, 0.4], Plan(patience=2), False),
        ([0.3, 0.4], Plan(target=0.4), True),
        ([0.3], Plan(steps=0), True),
    ],
)
def test_when_training_ends(qualities, plan, ended):
    looks = [Look(20 * n, 9.0, float(n), 0.0, quality) for n, quality in enumerate(qualities)]
    assert History([0.0] * (20 * max(len(looks) - 1, 0)), looks=looks).ended(plan) == ended


def test_the_look_that_reached_a_quality():
    first, best, last = Look(0, 0.0, 0.0, 1.0, 0.1), Look(20, 9.0, 3.0, 2.0, 0.3), Look(40, 19.0, 6.0, 3.0, 0.2)
    history = History(looks=[first, best, last])
    assert [history.reached(quality) for quality in (0.1, 0.2, 0.3, 0.4)] == [first, best, best, None]


def test_looks_have_seconds_of_their_own():
    task = TinyTask()
    history = train(task, PLAN)
    spent = [look.look_seconds for look in history.looks]
    assert spent == sorted(spent)
    assert 0 < spent[0] < spent[-1] == history.look_seconds


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": -1}, "steps of a training is -1, allowed: from 0"),
        ({"validate_every": 0}, "validate_every of a training is 0, allowed: from 1"),
        ({"patience": 0}, "patience"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"seed": -1}, "seed"),
        ({"learning_rate": 0.0}, "learning_rate of a training is 0.0, allowed: above 0"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"weight_decay": float("nan")}, "weight_decay"),
        ({"target": float("nan")}, "target"),
    ],
)
def test_bad_plans(options, said):
    with pytest.raises(TrainingError) as error:
        Plan(**options)
    assert said in str(error.value)


@pytest.mark.parametrize("where", ["loss", "quality"])
def test_what_is_no_number_ends_training(where, monkeypatch):
    task = TinyTask()
    nan = {"loss": torch.tensor(float("nan"), requires_grad=True), "quality": float("nan")}
    monkeypatch.setattr(task, where, lambda *_: nan[where])
    with pytest.raises(TrainingError, match=r"is nan"):
        train(task, PLAN)


def test_rates_rise_and_stay():
    plan = Plan(learning_rate=1.0, warm_up=4)
    assert [plan.rate(step) for step in (0, 1, 3, 4, 100)] == [0.25, 0.5, 1.0, 1.0, 1.0]
    assert Plan(learning_rate=1.0, warm_up=0).rate(0) == 1.0
