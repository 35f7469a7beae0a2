"""Training in the accelerator's arithmetic: forwards the golden model's bytes of the weights of the moment, backwards
the float encoder's gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gatewright.models.text import item_texts
from gatewright.training.distil import Distillation, DistilTask, student_of
from gatewright.training.fabric import FabricEncoder
from gatewright.training.item_encoder import fingerprint
from gatewright.training.loop import train
from gatewright.training.plan import Plan
from gatewright.training.quantise import QuantisedTask, quantise_aware, straight_through

OPTIONS = Distillation(layers=(0, 2), batch=8)
PLAN = Plan(steps=4, learning_rate=1e-2, warm_up=1, validate_every=2)


@pytest.fixture
def texts(tastes):
    return item_texts(tastes.train)


@pytest.fixture
def task(tiny_encoder, texts):
    return QuantisedTask(tiny_encoder, texts, OPTIONS, student_of(tiny_encoder, (0, 2)), "tiny")


def test_straight_through():
    float_one = torch.tensor([0.3, -1.2], requires_grad=True)
    rounded = torch.tensor([0.1 + 0.2, -1.0])
    found = straight_through(rounded, float_one * 2)
    assert torch.equal(found, rounded)  # to the bit, which x + (rounded - x) is not
    found.square().sum().backward()
    assert torch.equal(float_one.grad, 2 * 2 * rounded)


def test_a_step_sees_what_the_accelerator_gives(task, texts):
    items, ordered = np.array([5, 1, 40]), sorted(texts)
    before = task.table(items)
    weight = task.encoder.bert.encoder.layer[0].output.dense.weight
    with torch.no_grad():
        weight.mul_(1.5)
    fabric = FabricEncoder.of(task.encoder, [ordered[item] for item in task.learnt], "tiny")
    after = fabric.encode([ordered[item] for item in items])
    assert np.array_equal(task.vectors(items).detach().numpy(), after)
    assert not np.array_equal(after, before)
    task.vectors(items)[:, 0].sum().backward()
    found = weight.grad.clone()
    weight.grad = None
    task.module(items)[:, 0].sum().backward()
    assert torch.equal(found, weight.grad)


def test_quality_is_that_of_int8(task, tiny_encoder, texts):
    wanted = task.wanted[task.held_out].numpy()
    assert np.isclose(task.quality(), (task.table(task.held_out) * wanted).sum(1).mean())
    assert task.quality() != DistilTask(tiny_encoder, texts, OPTIONS, task.encoder).quality()


@pytest.mark.slow
def test_it_learns_and_goes_on_where_it_was(tiny_encoder, texts, tmp_path):
    begin = student_of(tiny_encoder, (0, 2))
    before = fingerprint(begin.bert)
    whole = quantise_aware(tiny_encoder, texts, begin, PLAN, OPTIONS, config="tiny")
    assert fingerprint(begin.bert) == before
    assert whole.history.best.quality > whole.history.looks[0].quality
    quantise_aware(tiny_encoder, texts, begin, replace(PLAN, steps=2), OPTIONS, config="tiny", folder=tmp_path)
    second = QuantisedTask(tiny_encoder, texts, OPTIONS, begin, "tiny")
    train(second, PLAN, folder=tmp_path)
    assert fingerprint(second.encoder.bert) == fingerprint(whole.encoder.bert)
