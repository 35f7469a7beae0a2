"""Sums and means over any axes."""

import numpy as np
import pytest

STEPS = 1.5 / (127 * 256)


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((3, 64), (1,)),
        ((64, 24), (0,)),
        ((2, 30, 16), (1,)),
        ((2, 3, 4), (0, 2)),
        ((2, 3, 5), (1, 2)),
        ((3, 4, 5), (0, 1, 2)),
    ],
)
@pytest.mark.parametrize("operator", ["ReduceMean", "ReduceSum"])
def test_reduce(apply, operator, shape, axes, keepdims, rng):
    x = (rng.normal(size=shape) + 0.5).astype(np.float32)
    outcome = apply(operator, x, np.array(axes, np.int64), constant=(1,), keepdims=keepdims)
    assert not outcome.reasons
    assert outcome.found["y0"].shape == outcome.expected["y0"].shape
    count = np.prod([shape[axis] for axis in axes])
    rounding = 0.5 * np.abs(x).max() * STEPS * (count if operator == "ReduceSum" else 1)
    step = np.abs(outcome.expected["y0"]).max() * STEPS
    assert np.abs(outcome.found["y0"] - outcome.expected["y0"]).max() < rounding + step


def test_int8_parts_add_up_exactly(apply):
    """Of 200 equal numbers the mean is that number, to half a step."""
    x = np.full((3, 200), 0.7312, np.float32)
    outcome = apply("ReduceMean", x, np.array([1], np.int64), constant=(1,))
    np.testing.assert_allclose(outcome.found["y0"], 0.7312, atol=0.7312 * 1.5 * STEPS)


def test_too_many_elements(apply):
    outcome = apply("ReduceSum", np.ones((2, 5000), np.float32), np.array([1], np.int64), constant=(1,))
    assert outcome.reasons == ["5000 elements are summed, allowed at most 512"]
