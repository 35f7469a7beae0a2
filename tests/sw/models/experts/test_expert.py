"""An expert's scores against the products that it stands for, one scale for all users."""

import numpy as np
import pytest
import scipy.sparse as sp

from gatewright.models.experts.expert import Expert


def _vectors(rng, items=40, width=5):
    return rng.normal(size=(items, width)), 3 + rng.normal(size=(items, width)) @ rng.normal(size=(width, width))


def test_scores_are_the_standardised_products(rng):
    keys, values = _vectors(rng)
    history = sp.random(6, 40, 0.3, "csr", rng=rng)
    expert = Expert.of("x", 1.0, keys, values)
    products = (history @ keys) @ values.T
    expected = (products - products.mean(axis=1, keepdims=True)) / products.std(axis=1, keepdims=True)
    found = expert.ask(history) @ expert.values.T
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (expert.keys.dtype, expert.values.dtype, found.dtype) == (np.float32,) * 3


def test_scale_and_offset_of_values_mean_nothing(rng):
    keys, values = _vectors(rng)
    history = sp.random(6, 40, 0.3, "csr", rng=rng)
    found = [
        expert.ask(history) @ expert.values.T
        for expert in (Expert.of("x", 1.0, keys, some) for some in (values, 100 * values - 7))
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_values_that_depend_on_each_other_make_it_narrower(scale, rng):
    keys, values = _vectors(rng)
    twice = Expert.of("x", 1.0, np.hstack([keys, keys]), scale * np.hstack([values, values]))
    assert twice.values.shape == (40, 5)
    np.testing.assert_allclose(twice.values.T @ twice.values / 40, np.eye(5), atol=1e-4)


def test_nothing_known_is_nothing_said(rng):
    keys, values = _vectors(rng)
    keys[:3] = 0
    expert = Expert.of("x", 1.0, keys, values)
    history = sp.csr_matrix(([1.0, 1.0], ([0, 1], [1, 5])), shape=(3, 40))
    lengths = np.linalg.norm(expert.ask(history), axis=1)
    np.testing.assert_allclose(lengths, [0, 1, 0], atol=1e-6)


def test_values_that_are_all_the_same_leave_nothing_to_say():
    expert = Expert.of("x", 1.0, np.ones((4, 2)), np.ones((4, 2)))
    assert (expert.ask(sp.identity(4, format="csr")) @ expert.values.T == np.zeros((4, 4))).all()
