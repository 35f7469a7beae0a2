"""Functions of one number: within a few steps of int16, kinks and poles included."""

import numpy as np
import pytest

X = (np.random.default_rng(3).normal(size=(6, 40)) * 2).astype(np.float32)
STEPS = 1.5 / (127 * 256)  # of the largest result: a step of its int16


SMOOTH = [
    "Tanh",
    "Sigmoid",
    "Erf",
    "Exp",
    "Sin",
    "Cos",
    "Softplus",
    "Softsign",
    "Mish",
    "Gelu",
    "Elu",
    "Selu",
    "Celu",
    "Neg",
]


@pytest.mark.parametrize("operator", SMOOTH)
def test_smooth_functions(apply, operator):
    outcome = apply(operator, X)
    assert not outcome.reasons
    assert outcome.worst < 8 * STEPS


def test_gelu_with_tanh(apply):
    assert apply("Gelu", X, approximate="tanh").worst < 4 * STEPS


KINKED = [
    ("Relu", {}),
    ("Abs", {}),
    ("LeakyRelu", {"alpha": 0.2}),
    ("HardSwish", {}),
    ("HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
    ("ThresholdedRelu", {"alpha": 1.7}),
]


@pytest.mark.parametrize(("operator", "attributes"), KINKED)
def test_functions_with_kinks_are_as_good(apply, operator, attributes):
    outcome = apply(operator, X, **attributes)
    assert len(outcome.steps) == 1
    assert outcome.steps[0].count == 1
    assert outcome.worst < 4 * STEPS


def test_a_threshold_belongs_to_the_left(apply):
    x = np.array([[-1.0, 0.5, 1.0, 1.0, 1.001, 3.0]], np.float32)
    (found,) = apply("ThresholdedRelu", x, alpha=1.0).found.values()
    assert not found[0, :4].any()
    assert found[0, 4] == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("alpha", [5.0, 1e4])
def test_a_threshold_that_no_operand_reaches(apply, alpha):
    outcome = apply("ThresholdedRelu", np.array([[-1.0, 0.5, 1.0, 1.9]], np.float32), alpha=alpha)
    assert not outcome.reasons
    (found,) = outcome.found.values()
    assert not found.any()


@pytest.mark.parametrize("limits", [(-0.3, 1.1), (0.0, 6.0), (-2.0, 2.0), (0.37, 0.41)])
def test_clip(apply, limits):
    outcome = apply("Clip", X, *(np.float32(each) for each in limits), constant=(1, 2))
    assert not outcome.reasons
    (found,), (expected,) = outcome.found.values(), outcome.expected.values()
    assert np.abs(found - expected).max() < 2 * np.abs(X).max() * STEPS


@pytest.mark.parametrize("operator", ["Sqrt", "Log", "Reciprocal"])
def test_near_a_pole_several_curves_join(apply, operator, rng):
    x = np.exp(rng.uniform(-4, 2, (6, 40))).astype(np.float32)
    outcome = apply(operator, x)
    assert outcome.steps[0].count > 1
    step = np.abs(x).max() * STEPS
    (found,), (expected,) = outcome.found.values(), outcome.expected.values()
    slope = {"Sqrt": 0.5 / np.sqrt(x), "Log": 1 / x, "Reciprocal": 1 / x**2}[operator]
    assert (np.abs(found - expected) <= 2 * slope * step + 8 * np.abs(expected).max() * STEPS).all()


@pytest.mark.parametrize("exponent", [2.0, 3.0, 0.5, -1.0])
def test_pow(apply, exponent):
    outcome = apply("Pow", np.abs(X) + np.float32(0.5), np.float32(exponent), constant=(1,))
    assert not outcome.reasons
    assert outcome.error < 2e-3


def test_slope_of_prelu(apply):
    assert apply("PRelu", X, np.float32(0.3), constant=(1,)).worst < 3 * STEPS


def test_what_is_no_function_of_one_number_runs_on_the_host(apply):
    assert apply("Pow", np.abs(X), X, constant=(1,)).reasons == ["x1 has 240 elements, allowed: 1"]
    assert apply("Abs", np.ones((2, 3), np.int64)).reasons == ["x0 is INT64, allowed: real numbers"]
