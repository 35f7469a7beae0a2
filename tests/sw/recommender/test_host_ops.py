"""Host arithmetic against PyTorch."""

import numpy as np
import torch
from torch.nn import functional

from gatewright.recommender.host_ops import FINE, INT8_MAX, gelu, join_fine, layer_norm, quantise, quantise_fine, unit


def test_gelu_equals_torch():
    x = np.linspace(-10, 10, 20001, dtype=np.float32)
    expected = functional.gelu(torch.from_numpy(x).double()).numpy()
    assert np.abs(gelu(x) - expected).max() < 2e-6
    assert gelu(x).dtype == np.float32


def test_layer_norm_equals_torch():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(7, 48)) * 5 + 3).astype(np.float32)
    gain, bias = (rng.normal(size=48).astype(np.float32) for _ in range(2))
    expected = functional.layer_norm(*(torch.from_numpy(v) for v in (x,)), (48,), *map(torch.from_numpy, (gain, bias)))
    assert np.allclose(layer_norm(x, gain, bias, 1e-5), expected.numpy(), atol=1e-5)
    assert np.allclose(layer_norm(np.ones((1, 48), np.float32), gain, bias, 1e-5), bias)


def test_quantise_rounds_to_even_and_saturates_symmetrically():
    values = np.array([0.5, 1.5, -0.5, -2.5, 200, -200], np.float32)
    assert quantise(values, np.float32(1)).tolist() == [0, 2, 0, -2, 127, -127]
    assert quantise(np.array([[1.0, 1.0]]), np.array([0.5, 0.25])).tolist() == [[2, 4]]


def test_unit_leaves_zero_alone():
    assert np.allclose(unit(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])


def test_fine_inputs_have_fifteen_bits():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(5, 32)) * 30
    values[0, 0] = 1e6  # saturates
    weight = rng.integers(-127, 128, (8, 32))
    sums = quantise_fine(values, np.float64(1.0)).astype(np.int64) @ weight.T
    assert sums.shape == (10, 8)
    limit = INT8_MAX + 0.5
    expected = np.clip(values, -limit, limit) @ weight.T
    bound = np.abs(weight).sum(1) / (2 * FINE) * 1.001
    assert (np.abs(join_fine(sums) - expected) <= bound).all()
