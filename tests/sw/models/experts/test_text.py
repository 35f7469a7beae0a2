"""Texts that are alike, in vectors most of which is common to all."""

import numpy as np
import scipy.sparse as sp

from gatewright.models.experts.text import Reading, alike


def _cone(rng, kinds=4, each=10, width=24):
    """Unit vectors of items of a few kinds, all near one direction, and apart along others that say nothing."""
    common, kind = 10 * rng.normal(size=width), rng.normal(size=(kinds, width))
    vectors = common + np.repeat(kind, each, axis=0) + 0.3 * rng.normal(size=(kinds * each, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_kinds_are_told_apart(rng):
    text = _cone(rng)
    expert = alike(text, Reading.of(text, 3), 3.0)
    scores = expert.ask(sp.identity(40, format="csr")) @ expert.values.T
    own = np.equal.outer(np.arange(40) // 10, np.arange(40) // 10)
    assert scores[own].min() > scores[~own].max()


def test_fewer_items_than_directions(rng):
    text = _cone(rng, kinds=2, each=3)
    expert = alike(text, Reading.of(text, 96), 3.0)
    assert expert.values.shape[1] <= 5
    assert np.isfinite(expert.ask(sp.identity(6, format="csr")) @ expert.values.T).all()


def test_a_query_is_a_key_that_no_item_has(rng):
    text = _cone(rng)
    reading = Reading.of(text, 3)
    expert = alike(text, reading, 3.0)
    np.testing.assert_allclose(reading(text[7:8]) @ expert.turn, expert.keys[7:8], atol=1e-5)
