"""How operands of linear layers become integers."""

import numpy as np
import onnx_ir as ir
import pytest

from gatewright.compiler.formats import INT8, INT16
from gatewright.compiler.quantisation import linear_plan
from gatewright.compiler.quantisation.linear_plan import Weight, plan_linears
from gatewright.compiler.quantisation.observation import Observation
from gatewright.compiler.quantisation.quantise import quantise


def seen(rows):
    return Observation(rows.min(0).astype(np.float64), rows.max(0).astype(np.float64), rows.astype(np.float32))


def plan(rows, weight, offset=False, **options):
    return plan_linears([Weight(weight)], seen(rows), offset=offset, **options)[0]


def error(chosen, rows, weight):
    """Of the layer on rows that need not be those of the calibration."""
    found = (chosen.operand.quantise(rows).astype(np.float64) @ chosen.weight.T) * chosen.unit + chosen.bias
    wanted = rows @ weight.T
    return np.sqrt(np.square(found - wanted).mean() / np.square(wanted).mean())


def test_int8_holds_normal_values(rng):
    rows, weight = rng.normal(size=(500, 64)), rng.normal(size=(32, 64))
    chosen = plan(rows, weight)
    assert chosen.operand.dtype == INT8
    assert chosen.error < 0.015
    assert error(chosen, rng.normal(size=(500, 64)), weight) < 0.015


def test_large_columns_move_into_the_weights(rng):
    size = np.where(np.arange(64) % 16 == 3, 100, 1)
    rows, weight = rng.normal(size=(500, 64)) * size, rng.normal(size=(32, 64)) / size
    chosen = plan(rows, weight)
    assert chosen.operand.dtype == INT8
    assert np.ptp(chosen.operand.scale) > 0
    assert error(chosen, rng.normal(size=(500, 64)) * size, weight) < 0.02


def test_columns_seen_too_seldom_get_room(monkeypatch, draw, rng):
    """Heavy tails: what was largest in a few rows is not what will be."""

    def draw(count):
        return rng.standard_t(4, size=(count, 64))

    rows, later, weight = draw(100), draw(2000), rng.normal(size=(32, 64))
    chosen = plan(rows, weight)
    monkeypatch.setattr(linear_plan, "STRENGTHS", (1.0,))  # each column's range is what was seen of it
    monkeypatch.setattr(linear_plan, "WIDENINGS", (1.0,))
    monkeypatch.setattr(linear_plan, "FLOORS", (0.0,))
    assert error(chosen, later, weight) < 0.7 * error(plan(rows, weight, fine_above=1.0), later, weight)


def test_rare_large_values_go_as_two_parts(rng):
    rows, weight = rng.normal(size=(400, 64)), rng.normal(size=(32, 64))
    rows[::50, ::7] *= 1000
    chosen = plan(rows, weight)
    assert chosen.fine
    assert chosen.operand.dtype == INT16
    assert chosen.error < 0.01


def test_columns_of_two_parts_have_steps_of_their_own_where_one_is_too_coarse(rng):
    size = np.logspace(-1, 4, 16)
    rows, weight = rng.normal(size=(400, 16)) * size, rng.normal(size=(32, 16)) / size
    chosen = plan(rows, weight, fine_above=0.0)
    assert chosen.fine
    assert chosen.operand.dtype == INT16
    assert chosen.operand.scale.shape == (16,)
    assert error(chosen, rng.normal(size=(400, 16)) * size, weight) < 0.02


def test_an_offset_refines_the_steps_of_one_sided_values(rng):
    rows, weight = rng.uniform(0, 1, size=(500, 64)), rng.normal(size=(32, 64))
    without, with_offset = plan(rows, weight), plan(rows, weight, offset=True)
    assert with_offset.operand.offset.all()
    assert not without.operand.offset.any()
    assert with_offset.operand.scale.mean() < 0.7 * without.operand.scale.mean()
    assert error(with_offset, rows, weight) < 0.8 * error(without, rows, weight)


def test_the_bias_takes_the_mean_error(rng):
    rows, weight = 5 + rng.normal(size=(500, 64)), rng.normal(size=(32, 64))
    chosen = plan(rows, weight)
    found = (chosen.operand.quantise(rows).astype(np.float64) @ chosen.weight.T) * chosen.unit + chosen.bias
    np.testing.assert_allclose(found.mean(0), (rows @ weight.T).mean(0), atol=1e-4)


@pytest.mark.parametrize("axis", [None, 0])
def test_integers_that_the_model_brings_stay(axis, rng):
    integers = rng.integers(-127, 128, (32, 64)).astype(np.int8)
    scale = np.asarray(0.02) if axis is None else rng.uniform(0.01, 0.03, 32)
    real = integers * scale.reshape(-1, 1)
    rows = rng.uniform(-1, 1, (500, 64))
    narrow = Observation(np.full(64, -1.0), np.full(64, 1.0), rows.astype(np.float32))
    (chosen,) = plan_linears([Weight(real, integers, scale)], narrow, offset=False)
    if np.ptp(chosen.operand.scale) == 0:
        np.testing.assert_array_equal(chosen.weight, integers)
    assert chosen.error < 0.01


def test_layers_with_one_input_share_its_format(rng):
    rows = rng.normal(size=(300, 64))
    plans = plan_linears([Weight(rng.normal(size=(n, 64))) for n in (8, 16)], seen(rows), offset=False)
    assert plans[0].operand is plans[1].operand


def test_without_rows_a_plan_follows_the_range_alone(rng):
    nothing = Observation(np.full(16, -2.0), np.full(16, 2.0), np.zeros((0, 16), np.float32))
    weight = rng.normal(size=(8, 16))
    (chosen,) = plan_linears([Weight(weight)], nothing, offset=False)
    assert error(chosen, rng.uniform(-2, 2, (500, 16)), weight) < 0.02


def test_zeros_are_no_trouble():
    chosen = plan(np.zeros((100, 16)), np.zeros((8, 16)), offset=True)
    assert np.isfinite(chosen.operand.scale).all()
    assert (chosen.operand.scale > 0).all()
    assert (chosen.unit > 0).all()


def test_values_want_what_their_readers_want(graph, rng):
    g = graph()
    x = g.node("Relu", [g.input("x", [30, 16])], [30, 16])
    y = g.node("Linear", [x, g.constant(np.eye(16, dtype=np.float32))], [30, 16], ours=True, overload="no_bias")
    model = ir.serde.deserialize_model(g.model(y, x))
    from gatewright.compiler.lower import load_rules
    from gatewright.compiler.lower.rules import demands

    load_rules()
    rows = rng.normal(size=(300, 16))
    chosen = quantise(model, set(model.graph), {"relu0": seen(np.maximum(rows, 0))}, demands)
    relu = next(iter(model.graph)).outputs[0]
    assert {form.dtype for form in chosen.formats(relu)} == {INT8, INT16}  # of the layer, and of the model's output
