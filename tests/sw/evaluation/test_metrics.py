"""Metrics against values worked out by hand, and against their definitions averaged over every order of ties."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.evaluation.errors import EvaluationError
from gatewright.evaluation.metrics import hit_rate, ndcg, recall, reciprocal_rank
from gatewright.evaluation.ranks import Ranks, places


def _ranks(*lists):
    """Of (scores, relevant items) each."""
    return Ranks.of(places(np.array(scores), np.array(scores)[relevant]) for scores, relevant in lists)


def _at(position):
    return 1 / np.log2(position + 1)


HAND = {
    # name: (scores, relevant, k) -> NDCG, recall, hit rate, reciprocal rank
    "first of one": (([9, 5, 1], [0], 2), (1, 1, 1, 1)),
    "third, below the cut": (([9, 5, 1], [2], 2), (0, 0, 0, 1 / 3)),
    "second and third of two": (([9, 5, 1], [1, 2], 2), (_at(2) / (1 + _at(2)), 1 / 2, 1, 1 / 2)),
    "more relevant than places": (([4, 3, 2, 1], [0, 1, 2], 2), (1, 2 / 3, 1, 1)),
    "lists shorter than k": (([2, 1], [1], 10), (_at(2), 1, 1, 1 / 2)),
    "one of two tied at the top": (([7, 7, 1], [0], 1), (1 / 2, 1 / 2, 1 / 2, 3 / 4)),
    "two of three tied": (([7, 7, 7], [0, 2], 1), (2 / 3, 1 / 3, 2 / 3, (2 / 3) * 1 + (1 / 3) / 2)),
    "a tie across the cut": (([9, 5, 5, 5], [2], 2), (_at(2) / 3, 1 / 3, 1 / 3, (1 / 2 + 1 / 3 + 1 / 4) / 3)),
    "infinite scores": (([np.inf, -np.inf, 0.0], [1], 2), (0, 0, 0, 1 / 3)),
}


@pytest.mark.parametrize("name", HAND)
def test_by_hand(name):
    (scores, relevant, k), wanted = HAND[name]
    ranks = _ranks((scores, relevant))
    found = (ndcg(ranks, k), recall(ranks, k), hit_rate(ranks, k), reciprocal_rank(ranks))
    np.testing.assert_allclose(np.concatenate(found), wanted, rtol=1e-12)


def test_graded_gains_by_hand():
    ranks = _ranks(([3, 2, 1], [0, 1, 2]))
    gains = np.array([1.0, 3.0, 2.0])
    ideal = 3 + 2 * _at(2) + 1 * _at(3)
    assert ndcg(ranks, 10, gains) == pytest.approx((1 + 3 * _at(2) + 2 * _at(3)) / ideal, rel=1e-12)
    assert ndcg(ranks, 1, gains) == pytest.approx(1 / 3, rel=1e-12)


@st.composite
def _lists(draw):
    """Few scores, so that there are ties; any items relevant; gains."""
    size = draw(st.integers(1, 6))
    scores = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    relevant = sorted(draw(st.sets(st.integers(0, size - 1), min_size=1)))
    gains = draw(st.lists(st.integers(1, 5), min_size=len(relevant), max_size=len(relevant)))
    return scores, relevant, gains


def _by_definition(scores, relevant, gains, k):
    """Mean of the metrics over every order of the items that the scores allow."""
    gain = dict(zip(relevant, gains, strict=True))
    ideal = sum(value * _at(n) for n, value in enumerate(sorted(gains, reverse=True)[:k], 1))
    found = []
    for order in permutations(range(len(scores))):
        if any(scores[a] < scores[b] for a, b in pairwise(order)):
            continue
        hits = [item in gain for item in order]
        dcg = sum(gain.get(item, 0) * _at(n) for n, item in enumerate(order[:k], 1))
        found.append((dcg / ideal, sum(hits[:k]) / len(relevant), float(any(hits[:k])), 1 / (hits.index(True) + 1)))
    return np.mean(found, axis=0)


@given(st.lists(_lists(), min_size=1, max_size=4), st.integers(1, 7))
def test_ties_give_the_mean_over_their_orders(lists, k):
    ranks = _ranks(*((scores, relevant) for scores, relevant, _ in lists))
    gains = np.concatenate([np.array(gains, float) for *_, gains in lists])
    found = np.stack([ndcg(ranks, k, gains), recall(ranks, k), hit_rate(ranks, k), reciprocal_rank(ranks)], axis=1)
    np.testing.assert_allclose(found, [_by_definition(*each, k) for each in lists], atol=1e-12)


def test_a_constant_scorer_gains_nothing_from_the_order_of_items(rng):
    scores = np.zeros(50)
    first, last = _ranks((scores, [0, 1])), _ranks((scores, [48, 49]))
    orders = [_ranks((rng.permutation(50), [0, 1])) for _ in range(4000)]
    for metric in (lambda of: ndcg(of, 10), lambda of: recall(of, 10), lambda of: hit_rate(of, 10), reciprocal_rank):
        assert metric(first) == metric(last)
        drawn = np.concatenate([metric(order) for order in orders])
        assert abs(metric(first)[0] - drawn.mean()) < 4 * drawn.std() / np.sqrt(len(drawn))


def test_only_some_relevant_items():
    ranks = _ranks(([3, 2, 1], [0, 2]), ([1, 2, 3], [1]))
    part, cases = ranks.only(np.array([False, True, False]))
    assert cases.tolist() == [0]
    assert reciprocal_rank(part).tolist() == [1 / 3]
    nothing, cases = ranks.only(np.zeros(3, bool))
    assert (nothing.n_cases, len(cases)) == (0, 0)
    for found in (ndcg(nothing, 10), recall(nothing, 10), hit_rate(nothing, 10), reciprocal_rank(nothing)):
        assert found.shape == (0,)


@pytest.mark.parametrize("metric", [ndcg, recall, hit_rate])
def test_lists_of_no_length_are_refused(metric):
    with pytest.raises(EvaluationError, match="k, the length of the lists that count, must be at least 1, got 0"):
        metric(_ranks(([1], [0])), 0)


def test_what_has_no_metric_is_refused():
    with pytest.raises(EvaluationError, match="without a relevant item"):
        _ranks(([1, 2], np.zeros(0, int)))
    with pytest.raises(EvaluationError, match=r"gains must lie above 0, got 0\.0"):
        ndcg(_ranks(([1, 2], [0])), 1, np.zeros(1))
