"""Post-training quantisation: error of a layer, outlier columns, and the parts of a quantised model."""

import numpy as np
import pytest
import torch

from gatewright.models.observe import Observed
from gatewright.models.quantise_layers import quantise_linear
from gatewright.recommender.host_ops import quantise


def _run(linear, x):
    """The layer in integers."""
    sums = quantise(x, linear.input_scale).astype(np.int64) @ linear.weight.T.astype(np.int64) + linear.bias
    return sums * linear.scale


def _relative_error(found, expected):
    return np.sqrt(np.square(found - expected).mean() / np.square(expected).mean())


@pytest.fixture
def case():
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 48)
    inputs = np.random.default_rng(0).normal(size=(512, 64)).astype(np.float32)
    return layer, inputs


def _real(layer, inputs):
    with torch.no_grad():
        return layer(torch.from_numpy(inputs)).numpy()


def test_layer_error_is_about_a_hundredth(case):
    layer, inputs = case
    linear = quantise_linear(layer, Observed.of(layer, inputs))
    assert linear.weight.dtype == np.int8
    assert len(linear.multiplier) == 0
    assert _relative_error(_run(linear, inputs), _real(layer, inputs)) < 0.015


def test_outlier_columns_do_not_cost_the_others(case):
    layer, inputs = case
    inputs = inputs.copy()
    inputs[:, 5] *= 60
    found = _run(quantise_linear(layer, Observed.of(layer, inputs)), inputs)
    per_tensor = np.full(64, np.abs(inputs).max() / 127, np.float32)
    coarse = quantise(inputs, per_tensor) * per_tensor
    expected = _real(layer, inputs)
    small = _real(layer, np.where(np.arange(64) == 5, 0, inputs))  # what the other columns contribute
    assert np.square(found - expected).mean() < 0.2 * np.square(_real(layer, coarse) - expected).mean()
    assert np.sqrt(np.square(found - expected).mean()) < 0.1 * np.sqrt(np.square(small).mean())


def test_int8_output_has_the_units_asked_for(case):
    layer, inputs = case
    expected = _real(layer, inputs)
    unit = np.abs(expected).max(0) / 127
    linear = quantise_linear(layer, Observed.of(layer, inputs), unit)
    factor = linear.multiplier * 2.0 ** -linear.shift.astype(float)
    assert np.allclose(factor, linear.scale / unit, rtol=2**-15)
    assert _relative_error(np.rint(_run(linear, inputs) / linear.scale * factor) * unit, expected) < 0.02


def test_quantised_model_holds_the_catalogue_and_the_graph(small_trained, small_quantised):
    data, graph = small_trained.data, small_quantised.graph
    assert small_quantised.key == small_trained.key
    assert small_quantised.catalogue.titles == data.titles
    assert np.array_equal(graph.by_user.col, data.items)  # time order is kept
    assert np.array_equal(graph.half_stars, data.half_stars)
    assert np.array_equal(graph.by_item.row_ptr, np.concatenate([[0], np.cumsum(np.bincount(data.items))]))
    error = graph.user * graph.user_scale - small_trained.gcn.user.detach().numpy()
    assert np.abs(error).max() <= graph.user_scale / 2 * 1.001


def test_table_is_near_the_real_item_vectors(small_trained, small_quantised):
    fusion = small_quantised.fusion
    table = fusion.table * fusion.item_scale[:, None] * fusion.column_scale
    assert _relative_error(table, small_trained.reference().table.numpy()) < 0.01
