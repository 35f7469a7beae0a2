"""How far a value may exceed what calibration saw of it."""

import numpy as np
import pytest

from gatewright.compiler.quantisation.headroom import HEADROOM, MOST, headroom

NOTHING = np.zeros(0)


@pytest.mark.parametrize("inputs", [16, 200])
def test_enough_inputs_alike_need_the_least(rng, inputs):
    rows = rng.normal(size=(inputs, 64))
    assert headroom(np.abs(rows).max(1), rows) == HEADROOM


def test_rows_and_columns_that_always_differ_need_no_more(rng):
    """The first row of each input is a thousand times larger, as that of a first token may be, and one column, too."""
    inputs = rng.normal(size=(32, 10, 64)) * np.where(np.arange(10) == 0, 1000, 1)[:, None]
    inputs[..., 3] *= 100
    assert headroom(np.abs(inputs).max((1, 2)), inputs.reshape(-1, 64)) < 3


@pytest.mark.parametrize(
    ("draw", "least"),
    [
        (lambda rng, size: rng.standard_cauchy(size), 8),
        (lambda rng, size: np.exp(3 * rng.normal(size=size)), 8),
        (lambda rng, size: 1 / rng.normal(size=size), 8),
        (lambda rng, size: rng.standard_t(2, size), 3),
    ],
    ids=["Cauchy", "lognormal", "reciprocal", "t"],
)
@pytest.mark.parametrize("inputs", [1, 32])
def test_heavy_tails_need_more(rng, draw, least, inputs):
    rows = draw(rng, (inputs, 64, 4))
    assert least < headroom(np.abs(rows).max((1, 2)), rows.reshape(-1, 4)) <= MOST


def test_the_fewer_numbers_the_more(rng):
    found = [headroom(np.ones(1), np.ones((1, count))) for count in (1, 2, 4, 8, 16, 64)]
    assert found == sorted(found, reverse=True)
    assert found[0] == MOST
    assert found[-1] < 1.2 * HEADROOM


@pytest.mark.parametrize("rows", [np.zeros((0, 4)), np.zeros((5, 4))])
def test_of_nothing_nothing_is_known(rows):
    assert headroom(NOTHING, rows) == HEADROOM
