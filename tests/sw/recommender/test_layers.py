"""Quantised layers on the accelerator against their integers and against float attention."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gatewright.models.text import load_text_encoder
from gatewright.recommender.layers import Attention, Linear


def test_an_inner_dimension_beyond_the_accelerator_runs_in_slices(accelerator, tiny_accelerator, small_quantised):
    values = small_quantised.encoder.layers[-1].outer
    assert values.weight.shape[1] > tiny_accelerator.config.gemm_max_k
    x = np.random.default_rng(0).integers(-127, 128, (3, values.weight.shape[1]), np.int8)
    whole, sliced = Linear(accelerator, values), Linear(tiny_accelerator, values)
    assert len(whole.weights) == 1
    assert len(sliced.weights) > 1
    assert np.array_equal(whole.real(x), sliced.real(x))
    expected = (x.astype(np.int64) @ values.weight.T.astype(np.int64) + values.bias) * values.scale
    assert np.allclose(whole.real(x), expected, rtol=1e-6)


def test_int8_output_is_the_same_in_slices(accelerator, tiny_accelerator, small_quantised):
    values = small_quantised.encoder.layers[-1].outer
    width = values.weight.shape[0]
    values = replace(values, multiplier=np.full(width, 40000, np.uint16), shift=np.full(width, 28, np.uint8))
    x = np.random.default_rng(1).integers(-127, 128, (3, values.weight.shape[1]), np.int8)
    found = Linear(accelerator, values).narrow(x)
    assert found.dtype == np.int8
    assert np.abs(found).max() > 20
    assert np.array_equal(found, Linear(tiny_accelerator, values).narrow(x))


def test_attention_is_near_float_and_spans_do_not_mix(accelerator, small_quantised):
    encoder = load_text_encoder()
    ids = torch.tensor(encoder.tokenize(["The Matrix. Action, Sci-Fi, Thriller"]))
    block = encoder.bert.encoder.layer[2].attention
    with torch.inference_mode():
        states = encoder.bert(input_ids=ids, output_hidden_states=True).hidden_states[2]
        expected = block.output.dense(block.self(states)[0])[0].numpy()
    x = states[0].numpy()
    attention = Attention(accelerator, small_quantised.encoder.layers[2].attention)
    rows = slice(0, len(x))
    found = attention(x, x, [(rows, rows)])
    assert np.sqrt(np.square(found - expected).mean() / np.square(expected).mean()) < 0.06

    spans = [(slice(0, 4), slice(0, 4)), (slice(4, len(x)), slice(4, len(x)))]
    apart = attention(x, x, spans)
    assert np.array_equal(apart[:4], attention(x[:4], x[:4], spans[:1]))
    assert not np.allclose(apart[:4], found[:4], atol=1e-3)


def test_inputs_are_saturated_not_wrapped(accelerator, small_quantised):
    linear = Linear(accelerator, small_quantised.fusion.question)
    huge = np.full((1, linear.values.weight.shape[1]), 1e6, np.float32)
    assert linear.quantise(huge).min() == 127
    assert linear.quantise(-huge).max() == -127


@pytest.mark.parametrize("rows", [1, 8, 9])
def test_any_number_of_rows(accelerator, small_quantised, rows):
    linear = Linear(accelerator, small_quantised.fusion.inner)
    x = np.random.default_rng(3).integers(-127, 128, (rows, 128), np.int8)
    assert np.array_equal(linear.real(x)[-1:], linear.real(x[-1:]))


def test_fine_layer_is_nearer_to_float_than_a_plain_one(accelerator, small_quantised):
    values = small_quantised.encoder.layers[0].outer
    assert values.fine
    x = np.random.default_rng(4).normal(0, 20, (3, 1536)) * values.input_scale
    real = x @ (values.weight * values.scale[:, None] / values.input_scale).T + values.bias * values.scale
    fine, plain = Linear(accelerator, values), Linear(accelerator, replace(values, fine=False))
    errors = [np.abs(layer.real(layer.quantise(x)) - real).max() for layer in (fine, plain)]
    assert errors[0] < errors[1] / 50
