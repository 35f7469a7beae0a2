"""iALS: each half step against the normal equations, and the loss that it minimises."""

import numpy as np
import pytest

from gatewright.models.baselines import ials
from gatewright.models.baselines.ials import Ials
from gatewright.models.baselines.interactions import interactions


def _exact(x, other, options):
    """Row by row: (Σ rated h hᵀ + a Σ all h hᵀ + λ (n + a · columns) I)⁻¹ Σ rated h."""
    found = np.zeros((x.shape[0], other.shape[1]))
    for row, rated in enumerate(x > 0):
        strength = options.regularisation * (rated.sum() + options.unobserved_weight * x.shape[1])
        gram = other[rated].T @ other[rated] + options.unobserved_weight * other.T @ other
        found[row] = np.linalg.solve(gram + strength * np.eye(other.shape[1]), other[rated].sum(axis=0))
    return found


def _loss(x, user, item, options):
    error, all_pairs = (user @ item.T - 1)[x > 0], user @ item.T
    total = (error**2).sum() + options.unobserved_weight * (all_pairs**2).sum()
    for vectors, count, others in ((user, x.sum(axis=1), x.shape[1]), (item, x.sum(axis=0), x.shape[0])):
        strength = options.regularisation * (count + options.unobserved_weight * others)
        total += (strength * (vectors**2).sum(axis=1)).sum()
    return total


@pytest.mark.parametrize("at_once", [1, 7, 1 << 15])
@pytest.mark.parametrize("dimensions", [1, 4, 32], ids=lambda n: f"{n} dimensions")
def test_half_a_step_solves_the_normal_equations(dimensions, at_once, tastes, rng, monkeypatch):
    monkeypatch.setattr(ials, "ENTRIES_AT_ONCE", at_once)
    x = interactions(tastes(15, 60))
    x.data[x.indptr[3] : x.indptr[4]] = 0  # a user without ratings
    x.eliminate_zeros()
    options = Ials(dimensions, 0.3, 0.02)
    other = rng.normal(size=(60, dimensions))
    np.testing.assert_allclose(options._solve(x, other), _exact(x.toarray(), other, options), rtol=1e-8, atol=1e-10)


def test_every_iteration_lowers_the_loss(tastes):
    train = tastes(30, 50)
    x = interactions(train).toarray()
    losses = []
    for iterations in (1, 2, 3, 8):
        options = Ials(8, 0.1, 0.01, iterations)
        found = options.factors(train)
        losses.append(_loss(x, found.user, found.item, options))
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]


def test_seeds_differ(tastes):
    train = tastes(20, 30)
    first, second = (Ials(8, iterations=1, seed=seed).fit(train).scores(np.arange(20)) for seed in (0, 1))
    assert (first != second).any()
