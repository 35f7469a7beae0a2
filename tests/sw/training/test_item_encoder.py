"""The encoder that trains gives the vectors of the one that serves, whatever lies still in it."""

import copy

import numpy as np
import pytest
import torch

from gatewright.models.text import item_texts
from gatewright.training.item_encoder import ItemEncoder, fingerprint


@pytest.fixture
def texts(parts):
    return item_texts(parts.train)


@pytest.mark.parametrize("frozen", [0, 1, 3])
def test_vectors_are_those_of_the_text_encoder(frozen, tiny_encoder, texts, rng):
    encoder = ItemEncoder(tiny_encoder.bert, tiny_encoder.tokenize(texts), frozen)
    items = rng.integers(len(texts), size=80)  # in any order, some twice
    for _ in range(2):  # the second time from what was kept
        assert np.allclose(encoder.table(items), tiny_encoder.encode([texts[item] for item in items]), atol=1e-5)


def test_layers_below_are_computed_once_a_text(tiny_encoder, texts):
    bert = copy.deepcopy(tiny_encoder.bert)
    encoder = ItemEncoder(bert, tiny_encoder.tokenize(texts), 2)
    calls = [0, 0, 0]
    for number, layer in enumerate(bert.encoder.layer):
        layer.register_forward_hook(lambda *_, number=number: calls.__setitem__(number, calls[number] + 1))
    for items in (np.arange(20), np.arange(20), np.arange(10, 24)):
        encoder(items)
    assert calls == [24, 24, 3]


def test_what_is_kept_does_not_depend_on_the_company(tiny_encoder, texts, rng):
    tokens = tiny_encoder.tokenize(texts)
    one, other = ItemEncoder(tiny_encoder.bert, tokens, 2), ItemEncoder(tiny_encoder.bert, tokens, 2)
    one(np.arange(len(texts)))
    for items in np.array_split(rng.permutation(len(texts)), 7):
        other(items)
    assert np.array_equal(one.table(np.arange(40)), other.table(np.arange(40)))


def test_gradients_do_not_depend_on_what_is_kept(tiny_encoder, texts):
    found = []
    for frozen in (0, 2):
        bert = copy.deepcopy(tiny_encoder.bert).requires_grad_(False)
        weight = bert.encoder.layer[2].attention.self.query.weight.requires_grad_(True)
        encoder = ItemEncoder(bert, tiny_encoder.tokenize(texts), frozen)
        for _ in range(2):
            weight.grad = None
            encoder(np.arange(30))[:, 0].sum().backward()
        found.append(weight.grad)
    assert found[0].abs().max() > 0
    assert torch.allclose(found[0], found[1], rtol=1e-3, atol=1e-5)


def test_fingerprints_tell_weights_apart(tiny_encoder):
    other = copy.deepcopy(tiny_encoder.bert)
    assert fingerprint(other) == fingerprint(tiny_encoder.bert)
    with torch.no_grad():
        other.encoder.layer[1].output.dense.bias[3] += 1e-6
    assert fingerprint(other) != fingerprint(tiny_encoder.bert)
