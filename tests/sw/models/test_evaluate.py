"""NDCG and Recall against values worked out by hand."""

import numpy as np
import pytest

from gatewright.models.evaluate import popularity_scores, rank_quality
from gatewright.models.reference import agreement


class _Ratings:
    """Just what ranking looks at: two users, six items."""

    n_items = 6

    def __init__(self, *per_user):
        self.items = np.array([item for items in per_user for item in items], np.int32)
        self.user_ptr = np.concatenate([[0], np.cumsum([len(items) for items in per_user])])


def test_quality_by_hand():
    scores = np.array([[9, 8, 7, 6, 5, 4], [1, 2, 3, 4, 5, 6]], np.float32)
    seen, held = _Ratings([0], [5]), _Ratings([2, 5], [4])
    found = rank_quality(scores, np.arange(2), seen, held, k=2)
    # user 0 ranks 1, 2: the hit is second, of two relevant; user 1 ranks 4, 3: the hit is first, of one
    discount = 1 / np.log2(3)
    assert found.ndcg == pytest.approx((discount / (1 + discount) + 1) / 2)
    assert found.recall == pytest.approx((0.5 + 1) / 2)
    assert found.users == 2
    assert scores[0, 0] == 9  # the caller's scores are left alone


def test_users_without_held_out_ratings_do_not_count():
    scores = np.ones((2, 6), np.float32)
    assert rank_quality(scores, np.arange(2), _Ratings([0], [1]), _Ratings([], [3]), k=2).users == 1


@pytest.mark.parametrize("k", [5, 6, 7, 10])
def test_k_may_reach_and_pass_the_number_of_items(k):
    scores = np.arange(6, dtype=np.float32)[None]
    found = rank_quality(scores, np.arange(1), _Ratings([5]), _Ratings([3]), k)  # ranked 4, 3, 2, 1, 0
    assert (found.ndcg, found.recall, found.users) == (pytest.approx(1 / np.log2(3)), 1.0, 1)


def test_nothing_held_out_counts_no_user():
    found = rank_quality(np.ones((1, 6), np.float32), np.arange(1), _Ratings([0]), _Ratings([]), k=2)
    assert (found.ndcg, found.recall, found.users) == (0.0, 0.0, 0)


def test_popularity_is_the_number_of_ratings():
    assert popularity_scores(_Ratings([0, 3], [3]), 2).tolist() == [[1, 0, 0, 2, 0, 0]] * 2


def test_agreement_by_hand():
    reference = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    same = agreement(reference, reference, np.array([0]), top=2)
    assert (same.top_overlap, same.max_abs_error) == (1.0, 0.0)
    assert same.cosine == pytest.approx(1.0)
    other = agreement(np.array([5.0, 4.0, 0.0, 2.0, 1.0]), reference, np.array([0]), top=2)  # {1, 3} against {1, 2}
    assert (other.top_overlap, other.max_abs_error) == (0.5, 3.0)
    assert other.cosine < 1
