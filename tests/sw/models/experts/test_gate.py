"""The gate trusts who is right, as far as that decides what comes first."""

import numpy as np

from gatewright.models.experts.gate import learn_gate


def _choices(rng, users=80, items=30):
    scores = rng.normal(size=(users, items, 3)).astype(np.float32)
    total = scores @ np.array([2.0, 1.0, 0.0])
    wanted = np.zeros((users, items), bool)
    noise = rng.gumbel(size=total.shape)
    np.put_along_axis(wanted, (total + noise).argmax(axis=1)[:, None], True, axis=1)
    return scores, wanted


def test_weights_of_choices_are_found(rng):
    scores, wanted = _choices(rng, users=1500)
    gate = learn_gate(scores, np.zeros_like(wanted), wanted)
    np.testing.assert_allclose(gate, [2, 1, 0], atol=0.25)


def test_what_is_seen_is_no_choice(rng):
    scores, wanted = _choices(rng)
    seen = ~wanted & (rng.random(wanted.shape) < 0.2)
    spoilt = np.where(seen[..., None], np.float32(100), scores)
    assert (learn_gate(spoilt, seen, wanted) == learn_gate(scores, seen, wanted)).all()


def test_one_of_the_wanted_is_enough(rng):
    """An opinion that puts one of two items first and the other behind most is worth more than none on both."""
    scores = rng.normal(size=(50, 20, 2)).astype(np.float32)
    wanted = np.zeros((50, 20), bool)
    wanted[:, :2] = True
    scores[:, 0, 0], scores[:, 1, 0], scores[:, :2, 1] = 4, -2, 0
    gate = learn_gate(scores, np.zeros_like(wanted), wanted)
    assert gate[0] > 1 > abs(gate[1])


def test_nobody_to_learn_from_is_an_even_vote():
    nobody = np.zeros((0, 5), bool)
    assert learn_gate(np.zeros((0, 5, 3), np.float32), nobody, nobody).tolist() == [1, 1, 1]


def test_what_nothing_decides_is_no_weight():
    wanted = np.eye(3, dtype=bool)
    gate = learn_gate(np.zeros((3, 3, 2), np.float32), np.zeros_like(wanted), wanted)
    assert (gate == 0).all()
