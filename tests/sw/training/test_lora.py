"""Adapters change nothing when they begin, train alone, and leave the model's shape behind."""

import copy

import numpy as np
import pytest
import torch

from gatewright.training import lora
from gatewright.training.errors import TrainingError
from gatewright.training.item_encoder import fingerprint
from gatewright.training.loop import trainable
from gatewright.training.lora import TARGETS, Lora, adapt, merge

TEXTS = ["a space adventure", "Heat. Crime", "a romance"]


@pytest.fixture
def copied(tiny_encoder):
    return copy.deepcopy(tiny_encoder)


@pytest.mark.parametrize(
    ("options", "below", "parameters"),
    [
        (Lora(layers=3, rank=4), 0, 3 * 2 * 4 * (16 + 16)),
        (Lora(layers=1, rank=2, targets=("key",)), 2, 2 * (16 + 16)),
        (Lora(layers=2, rank=4, targets=TARGETS), 1, 2 * 4 * (4 * 32 + 2 * 48)),
    ],
)
def test_adapters_alone_are_trained_and_begin_as_nothing(options, below, parameters, copied, tiny_encoder):
    assert adapt(copied.bert, options) == below
    found = trainable(copied.bert)
    assert sum(parameter.numel() for parameter in found.values()) == parameters
    assert all(int(name.split(".")[2]) >= below for name in found)
    assert np.array_equal(copied.encode(TEXTS), tiny_encoder.encode(TEXTS))


def test_merged_weights_give_the_adapters_vectors_in_the_old_shape(copied, tiny_encoder):
    adapt(copied.bert, Lora(layers=2, targets=TARGETS))
    with torch.no_grad():
        for parameter in trainable(copied.bert).values():
            parameter += 0.1
    adapted = copied.encode(TEXTS)
    assert not np.allclose(adapted, tiny_encoder.encode(TEXTS), atol=0.01)
    merge(copied.bert)
    assert np.allclose(copied.encode(TEXTS), adapted, atol=1e-5)
    shapes = {name: value.shape for name, value in tiny_encoder.bert.state_dict().items()}
    assert {name: value.shape for name, value in copied.bert.state_dict().items()} == shapes
    assert [str(module) for module in copied.bert.modules()] == [str(module) for module in tiny_encoder.bert.modules()]


def test_adapters_follow_from_their_seed(copied, tiny_encoder):
    again, other = copy.deepcopy(tiny_encoder), copy.deepcopy(tiny_encoder)
    before = torch.get_rng_state()
    for encoder, seed in ((copied, 1), (again, 1), (other, 2)):
        adapt(encoder.bert, Lora(layers=1, seed=seed))
    assert torch.equal(torch.get_rng_state(), before)
    assert fingerprint(copied.bert) == fingerprint(again.bert) != fingerprint(other.bert)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rank": 0}, "rank of LoRA is 0, allowed: from 1"),
        ({"layers": 0}, "layers of LoRA is 0, allowed: from 1"),
        ({"targets": ()}, "targets of LoRA are none, allowed: query, key"),
        ({"targets": ("query", "head")}, "targets of LoRA are head, allowed: query, key"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(TrainingError) as error:
        Lora(**options)
    assert said in str(error.value)


def test_more_layers_than_there_are(copied):
    with pytest.raises(TrainingError, match="layers of LoRA is 4, allowed: up to the model's 3"):
        adapt(copied.bert, Lora(layers=4))


def test_without_peft(copied, monkeypatch):
    monkeypatch.setattr(lora, "find_spec", lambda _: None)
    with pytest.raises(TrainingError, match=r"LoRA needs the package peft: install gatewright\[train\]"):
        adapt(copied.bert, Lora(layers=1))
