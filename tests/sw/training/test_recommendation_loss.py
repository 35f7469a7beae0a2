"""The loss against its definition, pair by pair; in shares; and the stretches that it is of."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from gatewright.models.data import load_movielens
from gatewright.training.errors import TrainingError
from gatewright.training.recommendation_loss import RecommendationLoss, draw_stretches, stretch_loss


def by_definition(vectors, items, temperature):
    losses = []
    for stretch, i, j in np.ndindex(items.shape[0], items.shape[1], items.shape[1]):
        if i == j:
            continue
        anchor = vectors[stretch, i]
        others = [vectors[other, k] for other, k in np.ndindex(items.shape) if items[other, k] not in items[stretch]]
        logits = torch.stack([vectors[stretch, j], *others]) @ anchor / temperature
        losses.append(-functional.log_softmax(logits, 0)[0])
    return torch.stack(losses).mean()


def unit(rng, *shape):
    return functional.normalize(torch.from_numpy(rng.normal(size=shape)), dim=-1)


@pytest.mark.parametrize(("stretches", "length", "n_items"), [(3, 2, 50), (4, 3, 8), (2, 5, 12)])
def test_loss_is_the_mean_over_all_pairs_of_a_stretch(stretches, length, n_items, rng):
    items = rng.integers(n_items, size=(stretches, length))  # some stand in several stretches
    vectors = unit(rng, stretches, length, 6)
    flat = vectors.reshape(-1, 6)
    assert torch.allclose(stretch_loss(flat, flat, items, 0, 0.3), by_definition(vectors, items, 0.3))


def test_shares_add_up_to_the_whole(rng):
    items = rng.integers(20, size=(6, 4))
    flat = unit(rng, 24, 5)
    whole = stretch_loss(flat, flat, items, 0, 0.2)
    shares = [stretch_loss(flat[first * 4 : first * 4 + 8], flat, items, first, 0.2) for first in (0, 2, 4)]
    assert torch.allclose(torch.stack(shares).mean(), whole)


def test_stretches_of_the_same_movies_have_nothing_to_be_told_from():
    flat = torch.randn(6, 4, requires_grad=True)
    loss = stretch_loss(flat, flat, np.array([[1, 2, 3], [3, 1, 2]]), 0, 0.2)
    loss.backward()
    assert loss == 0
    assert torch.equal(flat.grad, torch.zeros_like(flat))


def test_stretches_are_ratings_in_a_row_of_one_user(rng):
    data = load_movielens().subset(5)
    rows = {
        tuple(data.items[begin : begin + 7])
        for user in range(5)
        for begin in range(data.user_ptr[user], data.user_ptr[user + 1] - 6)
    }
    drawn = draw_stretches(data, RecommendationLoss(stretches=300, length=7), rng)
    assert {tuple(row) for row in drawn} <= rows
    assert len({tuple(row) for row in drawn}) > 50


def test_users_with_too_little(rng):
    data = load_movielens().subset(3)
    with pytest.raises(TrainingError, match="no user has 5000 ratings, the length of a stretch"):
        draw_stretches(data, RecommendationLoss(length=5000), rng)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stretches": 1}, "stretches of a recommendation loss is 1, allowed: from 2"),
        ({"length": 1}, "length of a recommendation loss is 1, allowed: from 2"),
        ({"least_ratings": -1}, "least_ratings"),
        ({"temperature": 0.0}, "temperature of a recommendation loss is 0.0, allowed: above 0"),
        ({"half_life": float("nan")}, "half_life"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(TrainingError) as error:
        RecommendationLoss(**options)
    assert said in str(error.value)
