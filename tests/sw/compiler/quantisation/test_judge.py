"""Measured errors are judged: what the fabric would get wrong runs on the host, and what is left is warned of."""

import warnings

import numpy as np
import pytest

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import AccuracyWarning, CompileError
from gatewright.program.compiled import FabricStep, HostStep

BOUND = 0.05


def quotient(g, rng):
    """Shares of rows of which some are empty."""
    x = g.input("x", [12, 16])
    total = g.node("ReduceSum", [x, g.constant(np.array([1]))], [12, 1])
    rows = np.abs(rng.normal(size=(12, 16))) * (np.arange(12) % 5 > 0)[:, None]
    return g.node("Div", [x, g.node("Add", [total, g.constant(np.float32(1e-8))], [12, 1])], [12, 16]), rows


def large_scores(g, rng):
    x = g.input("x", [8, 16])
    return g.node("Softmax", [x], [8, 16], axis=-1), rng.normal(size=(8, 16)) * 12_000


def large_scores_of_another_axis(g, rng):
    x = g.input("x", [8, 16])
    return g.node("Softmax", [x], [8, 16], axis=0), rng.normal(size=(8, 16)) * 12_000


def logarithm(g, rng):
    return g.node("Log", [g.input("x", [8, 16])], [8, 16]), 10 ** rng.uniform(-4, 4, (8, 16))


def reciprocal(g, rng):
    return g.node("Reciprocal", [g.input("x", [8, 16])], [8, 16]), 10 ** rng.uniform(-4, 4, (8, 16))


def power(g, rng):
    return g.node("Pow", [g.input("x", [8, 16]), g.constant(np.float32(-1.5))], [8, 16]), 10 ** rng.uniform(
        -2, 2, (8, 16)
    )


def entropy(g, rng):
    """``log(p + eps)`` of probabilities of which most are tiny."""
    p = g.node("Softmax", [g.input("x", [8, 32])], [8, 32], axis=-1)
    return g.node("Log", [g.node("Add", [p, g.constant(np.float32(1e-9))], [8, 32])], [8, 32]), 4 * rng.normal(
        size=(8, 32)
    )


def norm_of_unlike_rows(g, rng):
    gain, bias = (g.constant(rng.normal(size=16).astype(np.float32)) for _ in range(2))
    y = g.node("LayerNormalization", [g.input("x", [12, 16]), gain, bias], [12, 16], axis=-1, epsilon=1e-12)
    return y, rng.normal(size=(12, 16)) * 10 ** rng.uniform(-4, 3, (12, 1))


def norm_behind_a_sum(g, rng):
    """The norm reads what the fabric would make."""
    x = g.node("Add", [g.input("x", [12, 16]), g.constant(np.float32(1e-6))], [12, 16])
    y = g.node("LayerNormalization", [x, g.constant(np.ones(16, np.float32))], [12, 16], axis=-1, epsilon=1e-12)
    return y, rng.normal(size=(12, 16)) * 10 ** rng.uniform(-4, 3, (12, 1))


def difference(g, rng):
    """Of large numbers that are almost alike."""
    x = g.input("x", [8, 16])
    squares = g.node("Mul", [x, x], [8, 16])
    return g.node("Sub", [squares, g.constant(np.float32(1e6))], [8, 16]), 1000 + 0.01 * rng.normal(size=(8, 16))


def scaled_beyond_a_record(g, rng):
    x = g.node("Mul", [g.input("x", [8, 16]), g.constant(np.float32(1e-6))], [8, 16])
    return g.node("Mul", [x, g.constant(np.float32(1e12))], [8, 16]), rng.normal(size=(8, 16))


SAMPLES = [
    quotient,
    large_scores,
    large_scores_of_another_axis,
    logarithm,
    reciprocal,
    power,
    entropy,
    norm_of_unlike_rows,
    norm_behind_a_sum,
    difference,
    scaled_beyond_a_record,
]


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_the_formats_cannot_hold_is_right_nevertheless(graph, run, rng, sample):
    """Without a warning, hence within the bound."""
    g = graph()
    y, x = sample(g, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AccuracyWarning)
        outcome = run(g.model(y), {"x": x.astype(np.float32)})
    assert outcome.error < BOUND


def stack(graph, rng, layers=40):
    """Layers in int8 that each add a little to the error, and none much."""
    g = graph()
    x = g.input("x", [64, 32])
    for _ in range(layers):
        weight = g.constant((rng.normal(size=(32, 32)) / np.sqrt(20)).astype(np.float32))
        x = g.node("Tanh", [g.node("MatMul", [x, weight], [64, 32])], [64, 32])
    return g.model(x), {"x": rng.normal(size=(64, 32)).astype(np.float32)}


def test_what_adds_up_is_warned_of_by_name(graph, rng):
    model, feed = stack(graph, rng)
    with pytest.warns(AccuracyWarning, match=r"off by more than 5\.0% .*output tanh79 by .*node node_tanh79 \(Tanh\)"):
        program = compile_model(model, config="tiny", calibration=feed)
    (step,) = program.variants[0].steps
    assert isinstance(step, FabricStep)
    assert all(layer.own < BOUND for layer in step.layers)
    assert program.variants[0].outputs[0].error == step.layers[-1].error > BOUND


def test_within_another_bound_nothing_is_said(graph, rng):
    model, feed = stack(graph, rng)
    with warnings.catch_warnings():
        warnings.simplefilter("error", AccuracyWarning)
        compile_model(model, config="tiny", calibration=feed, max_error=0.9)


def test_a_tighter_bound_takes_more_to_the_host(graph, run, rng):
    model, feed = stack(graph, rng, layers=2)
    loose, tight = (run(model, feed, max_error=bound) for bound in (0.05, 1e-4))
    assert not loose.reasons
    assert any("off by" in reason for reason in tight.reasons)
    assert tight.error < 1e-4 < loose.error


def test_without_a_bound_all_runs_on_the_fabric(graph, run, rng):
    g = graph()
    y, x = logarithm(g, rng)
    assert not run(g.model(y), {"x": x.astype(np.float32)}, max_error=np.inf).reasons


@pytest.mark.parametrize("bound", [0.0, -1.0, np.nan])
def test_a_bound_is_above_zero(graph, bound):
    g = graph()
    model = g.model(g.node("Relu", [g.input("x", [2, 4])], [2, 4]))
    with pytest.raises(CompileError, match=r"max_error is .*, allowed: above 0"):
        compile_model(model, config="tiny", max_error=bound)


def shares(g, rng):
    """Numbers of the fabric, their logarithms, and a layer."""
    x = g.node("Softplus", [g.input("x", [8, 16])], [8, 16])
    weight = g.constant(rng.normal(size=(16, 16)).astype(np.float32))
    logarithm = g.node("Log", [g.node("Relu", [x], [8, 16])], [8, 16])
    return g.node("MatMul", [logarithm, weight], [8, 16]), rng.normal(size=(8, 16))


@pytest.mark.parametrize("sample", [quotient, shares])
def test_hardware_equals_golden_around_host_steps(graph, rng, sample):
    g = graph()
    y, x = sample(g, rng)
    feed = {"x": x.astype(np.float32)}
    program = compile_model(g.model(y), config="tiny", calibration=[feed] * 16)
    assert {type(step) for step in program.variants[0].steps} == {FabricStep, HostStep}
    found = []
    for backend in ("golden", "rtl"):
        with Accelerator("tiny", backend) as accelerator, accelerator.load(program) as loaded:
            found.append(loaded(**feed)[y])
    np.testing.assert_array_equal(*found)
