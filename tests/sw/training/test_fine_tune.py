"""Fine-tuning, whole and by LoRA: it learns, continues where it was, and leaves an encoder like the one before."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gatewright.models.data import load_movielens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.models.determinism import deterministic
from gatewright.models.text import item_texts, load_text_encoder
from gatewright.training.errors import CheckpointError
from gatewright.training.fine_tune import FineTuneByLoss, FineTuneTask, fine_tune
from gatewright.training.item_encoder import fingerprint
from gatewright.training.loop import train
from gatewright.training.lora import TARGETS, Lora
from gatewright.training.plan import Plan
from gatewright.training.recommendation_loss import RecommendationLoss, stretch_loss

LOSS = RecommendationLoss(stretches=6, length=5, least_ratings=0)
PLAN = Plan(steps=30, learning_rate=3e-3, warm_up=5, validate_every=10)
METHODS = {"full": None, "lora": Lora(layers=2, targets=TARGETS)}


@pytest.mark.parametrize("method", METHODS)
def test_it_learns_and_leaves_an_encoder_of_the_same_shape(method, tastes, tiny_encoder):
    before = fingerprint(tiny_encoder.bert)
    tuned = fine_tune(tastes, replace(PLAN, steps=60, patience=100), LOSS, METHODS[method], encoder=tiny_encoder)
    assert np.mean(tuned.history.losses[-10:]) < np.mean(tuned.history.losses[:10]) - 0.3
    assert tuned.history.best.quality > tuned.history.looks[0].quality + 0.05
    assert fingerprint(tiny_encoder.bert) == before
    assert list(tuned.encoder.bert.state_dict()) == list(tiny_encoder.bert.state_dict())
    assert np.allclose(tuned.encoder.encode(item_texts(tastes.train)), tuned.scorer.vectors, atol=1e-5)


def test_memory_and_parameters_are_counted(parts, tiny_encoder):
    found = {
        name: fine_tune(parts, replace(PLAN, steps=1), LOSS, method, encoder=tiny_encoder).history
        for name, method in METHODS.items()
    }
    total = sum(parameter.numel() for parameter in tiny_encoder.bert.parameters())
    adapters = 2 * 8 * (4 * 32 + 2 * 48)
    assert [found[name].parameters for name in METHODS] == [total, adapters]
    for history in found.values():  # two moments of four bytes, and a step count for each tensor
        assert 8 * history.parameters <= history.optimizer_bytes <= 8 * history.parameters + 4 * 100


@pytest.mark.parametrize("method", METHODS)
def test_it_continues_to_the_same_weights(method, parts, tiny_encoder, tmp_path):
    def task():
        return FineTuneTask(parts, LOSS, METHODS[method], encoder=tiny_encoder)

    whole, first, second = task(), task(), task()
    train(whole, PLAN)
    train(first, replace(PLAN, steps=10), folder=tmp_path)
    history = train(second, PLAN, folder=tmp_path)
    assert len(history.losses) == 30
    assert fingerprint(second.module) == fingerprint(whole.module) != fingerprint(task().module)


def test_a_checkpoint_of_another_method_data_or_loss_is_refused(parts, tiny_encoder, tmp_path):
    plan = replace(PLAN, steps=1)
    train(FineTuneTask(parts, LOSS, encoder=tiny_encoder), plan, folder=tmp_path)
    others = {
        "lora": FineTuneTask(parts, LOSS, METHODS["lora"], encoder=tiny_encoder),
        "data": FineTuneTask(split(load_movielens().subset(12), UserTimeSplit(seed=1)), LOSS, encoder=tiny_encoder),
        "loss.temperature": FineTuneTask(parts, replace(LOSS, temperature=0.3), encoder=tiny_encoder),
        "model": FineTuneTask(parts, LOSS, encoder=load_text_encoder()),
    }
    for field, task in others.items():
        with pytest.raises(CheckpointError, match=f"is of another run: its {field} is "):
            train(task, plan, folder=tmp_path)


def test_looks_at_the_loss_see_what_training_brings_down(tastes, tiny_encoder):
    loss = RecommendationLoss(stretches=4, length=5, least_ratings=0)  # nobody has five held out, so it is fewer
    parts = split(tastes.train, UserTimeSplit(validation=0.3))
    task = FineTuneByLoss(parts, loss, encoder=tiny_encoder)
    assert task.quality() == task.quality()  # the same ratings each time
    history = train(task, Plan(steps=20, learning_rate=3e-3, warm_up=5, validate_every=10))
    with deterministic():  # as training looks
        assert history.best.quality == task.quality() > history.looks[0].quality
    with torch.no_grad():
        own = [task.module(batch.reshape(-1)) for batch in task.held_out]
    losses = [float(stretch_loss(v, v, b, 0, loss.temperature)) for v, b in zip(own, task.held_out, strict=True)]
    assert np.isclose(-task.quality(), np.mean(losses), rtol=1e-5)
