"""Intervals that cover what they say, tests against their definition, corrections against published ones."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.quality import as_json
from gatewright.evaluation.statistics import bootstrap, compare, holm, paired_bootstrap, permutation_test, spread


def test_intervals_cover_the_true_mean_as_often_as_they_say(rng):
    """Of values like NDCG's: many zeros, the rest skewed."""
    trials, users = 500, 150
    values = rng.beta(1, 4, (trials, users)) * (rng.random((trials, users)) < 0.4)
    truth = 0.2 * 0.4
    found = [bootstrap(row, seed=seed, resamples=1000) for seed, row in enumerate(values)]
    covered = np.mean([interval.low <= truth <= interval.high for interval in found])
    assert 0.92 < covered < 0.975
    assert all(interval.low < interval.mean < interval.high for interval in found)


def test_an_interval_is_as_wide_as_theory_says(rng):
    values = rng.normal(3, 2, 400)
    found = bootstrap(values)
    assert found.mean == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.05)
    assert found == bootstrap(values)
    assert found != bootstrap(values, seed=1)
    narrow = bootstrap(values, level=0.5)
    assert (narrow.high - narrow.low) / 2 == pytest.approx(0.6745 * values.std() / 20, rel=0.05)


def test_pairs_see_what_users_hide(rng):
    """Users differ far more than systems do: the difference is sure all the same, as the same users rate both."""
    users = rng.random(300)
    better, than = users + 0.01 + rng.normal(0, 0.02, 300), users
    assert bootstrap(better).low < bootstrap(than).high
    assert paired_bootstrap(better, than).low > 0
    assert permutation_test(better, than) < 0.001


def test_many_users_are_resampled_in_parts():
    found = bootstrap(np.tile([0.0, 1.0], 50_000), resamples=100)
    assert found.mean == 0.5
    assert 0.49 < found.low < 0.5 < found.high < 0.51


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=8))
def test_few_users_are_tested_exactly(differences):
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=len(differences))]
    expected = np.mean([total >= abs(sum(differences)) for total in sums])
    for unit in (1.0, 0.1):  # tenths are not binary: equal sums of them round apart
        found = permutation_test(np.array(differences) * unit, np.zeros(len(differences)))
        assert found == pytest.approx(expected, abs=1e-12)


def test_many_users_are_tested_by_chance(rng):
    """About the normal approximation's p, from 0.05 to 0.5; and p is uniform where systems are alike."""
    differences = rng.normal(0.1, 1, 200)
    z = differences.sum() / np.sqrt((differences**2).sum())
    normal = 2 * (1 - 0.5 * (1 + np.tanh(0.7978845608 * (z + 0.044715 * z**3))))  # of the normal distribution, to 3e-4
    assert permutation_test(differences, np.zeros(200)) == pytest.approx(normal, abs=0.02)
    p = [permutation_test(row, np.zeros(40), resamples=500) for row in rng.normal(size=(400, 40))]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.085
    assert 0.45 < np.mean(p) < 0.55


def test_no_p_is_zero_and_systems_that_are_one_have_a_p_of_one():
    assert permutation_test(np.ones(300), np.zeros(300), resamples=999) == 1 / 1000
    assert permutation_test(np.ones(300), np.ones(300)) == 1


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        # the example of `holm` in pingouin's documentation, and that of Wikipedia's article on the method
        ([0.50, 0.003, 0.32, 0.054, 0.0003], [0.64, 0.012, 0.64, 0.162, 0.0015]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.9, 0.8], [1, 1]),
        ([0.04], [0.04]),
        ([], []),
    ],
)
def test_holm(p, corrected):
    np.testing.assert_allclose(holm(p), corrected)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_what_its_steps_do(p, level):
    corrected = holm(p)
    ascending = sorted(range(len(p)), key=lambda n: p[n])
    for step, n in enumerate(ascending):
        if p[n] * (len(p) - step) > level:
            assert all(corrected[other] > level for other in ascending[step:])
            break
        assert corrected[n] <= level


def test_comparisons_are_corrected_together(rng):
    base = rng.random(200)
    values = {"base": base, "same": base + rng.normal(0, 0.1, 200), "better": base + rng.normal(0.1, 0.1, 200)}
    better, same = compare(values, [("better", "base"), ("same", "base")])
    assert better.shown
    assert better.p_holm == 2 * better.p
    assert better.relative == pytest.approx(better.difference.mean / base.mean())
    assert not same.shown
    assert same.p_holm == max(same.p, better.p_holm)
    (worse,) = compare(values, [("base", "better")])
    assert not worse.shown  # for all that p is small
    assert as_json(better)["difference"]["users"] == 200
    (nothing,) = compare({"a": np.ones(3), "b": np.zeros(3)}, [("a", "b")])
    assert nothing.relative is None


def test_spread_over_seeds():
    found = spread([0.10, 0.11, 0.15])
    assert (found.mean, found.least, found.most, found.seeds) == (pytest.approx(0.12), 0.10, 0.15, 3)
    assert found.deviation == pytest.approx(np.sqrt((0.02**2 + 0.01**2 + 0.03**2) / 2))
    assert spread([0.1]).deviation is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap([0.5]), r"at least two users, got shape \(1,\)"),
        (lambda: bootstrap([]), r"at least two users, got shape \(0,\)"),
        (lambda: bootstrap([0.1, np.nan, 0.2]), r"got shape \(3,\), 2 finite"),
        (lambda: paired_bootstrap([1.0, 2.0], [1.0]), "the same users, got 2 and 1"),
        (lambda: permutation_test([1.0, 2.0, 3.0], [1.0, 2.0]), "the same users, got 3 and 2"),
        (lambda: holm([0.5, 1.5]), r"a p lies from 0 to 1, got \[0\.5, 1\.5\]"),
        (lambda: holm([np.nan]), "a p lies from 0 to 1"),
        (lambda: spread([]), "one finite result a seed"),
        (lambda: spread([np.nan]), "one finite result a seed"),
    ],
)
def test_what_says_nothing_is_refused(call, message):
    with pytest.raises(EvaluationError, match=message):
        call()
