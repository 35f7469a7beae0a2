"""Layer norm and RMS norm, over the last axis and over several."""

import numpy as np
import pytest

STEPS = 1.5 / (127 * 256)


@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
@pytest.mark.parametrize("shape", [(1, 64), (5, 7), (2, 3, 96), (4, 256)])
@pytest.mark.parametrize("operator", ["LayerNormalization", "RMSNormalization"])
def test_rows(apply, operator, shape, epsilon, draw):
    vectors = [draw(shape[-1]) for _ in range(2 if operator[0] == "L" else 1)]
    outcome = apply(
        operator, draw(*shape) + 1, *vectors, constant=range(1, 1 + len(vectors)), opset=23, epsilon=epsilon
    )
    assert not outcome.reasons
    assert [step.count for step in outcome.steps] == [1]
    assert outcome.worst < 5 * STEPS


@pytest.mark.parametrize(("shape", "axis"), [((3, 4, 5), 1), ((3, 4, 5), 0), ((2, 3, 8), 1), ((2, 2, 3, 4), -2)])
def test_several_axes(apply, shape, axis, draw):
    vectors = [draw(*shape[axis:]) for _ in range(2)]
    outcome = apply("LayerNormalization", draw(*shape), *vectors, constant=(1, 2), axis=axis)
    assert not outcome.reasons
    assert outcome.worst < 6 * STEPS


def test_reasons(apply, draw):
    assert apply("LayerNormalization", draw(2, 5000), draw(5000), constant=(1,)).reasons == [
        "a row has 5000 columns, allowed at most 512"
    ]
    assert apply("LayerNormalization", draw(2, 64), draw(64)).reasons == ["x1 is not constant"]
    assert apply("BatchNormalization", draw(2, 3, 4), *(np.ones(3, np.float32),) * 4).reasons == ["x1 is not constant"]


@pytest.mark.parametrize(("shape", "axis"), [((5, 40), -1), ((3, 4, 5), 1), ((2, 3, 8), 0)])
def test_mean_and_deviation(apply, shape, axis, draw, rng):
    x = draw(*shape) * rng.uniform(0.5, 2, (shape[0], *(1,) * (len(shape) - 1))).astype(np.float32)
    outcome = apply("LayerNormalization", x, draw(*shape[axis:]), constant=(1,), outputs=3, axis=axis)
    assert not outcome.reasons
    y, mean, inverse = (outcome.found[name] - outcome.expected[name] for name in ("y0", "y1", "y2"))
    assert np.abs(y).max() < 6 * STEPS * np.abs(outcome.expected["y0"]).max()
    assert np.abs(mean).max() < 2 * STEPS * np.abs(x).max()
    assert np.abs(inverse).max() < 0.002 * outcome.expected["y2"].max()


@pytest.mark.parametrize("shape", [(6, 20), (2, 5, 7), (2, 3, 4, 6)])
def test_batch_norm(apply, shape, draw, rng):
    channels = [draw(shape[1]) for _ in range(3)] + [rng.uniform(0.5, 2, shape[1]).astype(np.float32)]
    outcome = apply("BatchNormalization", draw(*shape), *channels, constant=(1, 2, 3, 4))
    assert not outcome.reasons
    assert outcome.worst < 6 * STEPS
