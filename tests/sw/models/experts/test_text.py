"""Texts that are alike, in vectors most of which is common to all."""

import numpy as np
import scipy.sparse as sp

from gatewright.models.experts.text import alike


def _cone(rng, kinds=4, each=10, width=24):
    """Unit vectors of items of a few kinds, all near one direction, and apart along others that say nothing."""
    common, kind = 10 * rng.normal(size=width), rng.normal(size=(kinds, width))
    vectors = common + np.repeat(kind, each, axis=0) + 0.3 * rng.normal(size=(kinds * each, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_kinds_are_told_apart(rng):
    expert = alike(_cone(rng), 3.0, 3)
    scores = expert.ask(sp.identity(40, format="csr")) @ expert.values.T
    own = np.equal.outer(np.arange(40) // 10, np.arange(40) // 10)
    assert scores[own].min() > scores[~own].max()


def test_fewer_items_than_directions(rng):
    expert = alike(_cone(rng, kinds=2, each=3), 3.0, 96)
    assert expert.values.shape[1] <= 5
    assert np.isfinite(expert.ask(sp.identity(6, format="csr")) @ expert.values.T).all()
