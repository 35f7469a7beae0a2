"""What trials need of a model is made once, and read back as it was."""

import numpy as np
import pytest

from gatewright_sim.zoo.material import CALIBRATION, FRESH, drawn, kept


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))


def draw(rng):
    return {"a/b": rng.standard_normal((2, 3), np.float32), "ids": rng.integers(0, 9, 4)}


def test_inputs_are_drawn_anew_for_each_set_and_alike_each_time():
    first, second = drawn(b"model", draw), drawn(b"model", draw)
    assert (len(first.calibration), len(first.fresh)) == (CALIBRATION, FRESH)
    sets = [*first.calibration, *first.fresh]
    assert len({feed["a/b"].tobytes() for feed in sets}) == len(sets)
    for one, other in zip(sets, [*second.calibration, *second.fresh], strict=True):
        assert {name: array.tobytes() for name, array in one.items()} == {n: a.tobytes() for n, a in other.items()}


def test_material_is_kept_for_its_version():
    made = drawn(b"model", draw)
    assert kept("one", "version 1", lambda: made).model == b"model"
    found = kept("one", "version 1", lambda: pytest.fail("it is there"))
    assert found.model == b"model"
    for one, other in zip([*made.calibration, *made.fresh], [*found.calibration, *found.fresh], strict=True):
        assert list(one) == list(other)
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name])
    assert kept("one", "version 2", lambda: drawn(b"other", draw)).model == b"other"
