"""LightGCN: the normalised graph, propagation and its gradient against dense matrices, and training."""

import numpy as np
import pytest
import torch

from gatewright.models.data import load_movielens
from gatewright.models.evaluate import popularity_scores, rank_quality
from gatewright.models.lightgcn import LightGCN, LightGCNOptions, graph_weights, sample_items, train_lightgcn


@pytest.fixture(scope="module")
def data():
    return load_movielens().subset(20)


@pytest.fixture(scope="module")
def dense(data):
    """The normalised user x item matrix, from its definition."""
    ones = np.zeros((data.n_users, data.n_items))
    ones[data.users, data.items] = 1
    return ones / np.sqrt(ones.sum(1, keepdims=True) * ones.sum(0, keepdims=True))


def test_weights_and_adjacency_are_symmetric_normalisation(data, dense):
    assert np.allclose(graph_weights(data), dense[data.users, data.items])
    to_users, to_items = LightGCN.adjacency(data)
    assert np.allclose(to_users.to_dense().numpy(), dense)
    assert np.allclose(to_items.to_dense().numpy(), dense.T)


def test_forward_and_gradient_equal_dense_propagation(data, dense):
    model = LightGCN(data.n_users, data.n_items, LightGCNOptions(width=8), torch.Generator().manual_seed(1))
    user, item = model(LightGCN.adjacency(data))
    loss = (user.sin().sum() + item.cos().sum()) / 10
    gradients = torch.autograd.grad(loss, [model.user, model.item])

    a = torch.from_numpy(dense)
    u0, i0 = (x.detach().double().requires_grad_() for x in (model.user, model.item))
    u1, i1 = a @ i0, a.T @ u0
    u, i = (u0 + u1 + a @ i1) / 3, (i0 + i1 + a.T @ u1) / 3
    expected = torch.autograd.grad((u.sin().sum() + i.cos().sum()) / 10, [u0, i0])
    assert torch.allclose(user.double(), u, atol=1e-6)
    assert torch.allclose(item.double(), i, atol=1e-6)
    for found, wanted in zip(gradients, expected, strict=True):
        assert torch.allclose(found.double(), wanted, atol=1e-6)


def test_sampled_items_are_distinct_and_all_where_few():
    generator = torch.Generator().manual_seed(0)
    assert sample_items(5, 8, generator).tolist() == [0, 1, 2, 3, 4]
    some = sample_items(100, 8, generator)
    assert len(set(some.tolist())) == 8
    assert some.max() < 100


@pytest.mark.parametrize("candidates", [16384, 256])
def test_training_beats_popularity_on_the_ratings_it_saw(data, candidates):
    train, held = data.hold_out_latest(0.1)
    model = train_lightgcn(train, LightGCNOptions(steps=60, candidates=candidates))
    with torch.no_grad():
        user, item = (torch.nn.functional.normalize(x, dim=-1) for x in model(LightGCN.adjacency(train)))
    users = np.arange(data.n_users)
    nothing = data.select(np.zeros(len(data.users), bool))
    learned = rank_quality((user @ item.T).numpy(), users, nothing, train)
    popular = rank_quality(popularity_scores(train, data.n_users), users, nothing, train)
    assert learned.ndcg > 1.5 * popular.ndcg
    assert len(held.users) >= 20


def test_same_seed_same_model_another_seed_another(data):
    options = LightGCNOptions(steps=3)
    first, again, other = (train_lightgcn(data, options, seed) for seed in (1, 1, 2))
    assert torch.equal(first.user, again.user)
    assert not torch.equal(first.user, other.user)


def test_progress_counts_every_step(data):
    calls = []
    train_lightgcn(data, LightGCNOptions(steps=3), progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]
