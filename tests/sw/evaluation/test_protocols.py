"""Protocols on data small enough to see what they must find."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.evaluation.errors import EvaluationError, ScoreError
from gatewright.evaluation.protocols import FullRanking, Reranking, SampledRanking
from gatewright.evaluation.quality import as_json, averaged
from gatewright.models.evaluate import rank_quality


@dataclass
class _Ratings:
    """Items by user; stars are 1 where none are given."""

    per_user: list
    n_items: int = 6
    stars: list | None = None

    def __post_init__(self):
        self.n_users = len(self.per_user)
        self.items = np.array([item for items in self.per_user for item in items], np.int32)
        self.user_ptr = np.concatenate([[0], np.cumsum([len(items) for items in self.per_user])])
        self.ratings = np.array(self.stars or np.ones(len(self.items)), np.float32)


@dataclass
class _Scorer:
    rows: np.ndarray

    def scores(self, users):
        return np.asarray(self.rows, np.float32)[users]


def _by_item(*scores, users=3):
    return _Scorer(np.tile(scores, (users, 1)))


def test_full_ranking_leaves_out_what_was_seen():
    seen, held_out = _Ratings([[5, 4], [0], []]), _Ratings([[3], [5, 2], []])
    found = FullRanking(seen, held_out, k=2).measure(_by_item(0, 1, 2, 3, 4, 5), "ascending")
    assert found.all.users.tolist() == [0, 1]
    assert found.all.values["mrr"].tolist() == [1, 1]  # user 0: 3 2 1 0, user 1: 5 4 3 2 1
    assert found.all.values["recall"].tolist() == [1, 0.5]
    assert found.all.mean("recall") == 0.75


def test_what_was_seen_before_and_twice_counts_once_or_not():
    seen, held_out = _Ratings([[5], [0], []]), _Ratings([[5, 3, 3], [0], []])
    found = FullRanking(seen, held_out, k=1).measure(_by_item(0, 1, 2, 3, 4, 5), "ascending")
    assert found.all.users.tolist() == [0]
    assert found.all.values["mrr"].tolist() == [1 / 2]


def test_cold_users_and_cold_items_are_reported_apart():
    seen, held_out = _Ratings([[0, 1], [], [1]]), _Ratings([[2, 0], [1, 3], [0]])
    found = FullRanking(seen, held_out).measure(_by_item(9, 8, 0, 0, 0, 0), "popularity")
    assert found.all.users.tolist() == [0, 1, 2]
    assert found.warm_users.users.tolist() == [0, 2]
    assert found.cold_users.users.tolist() == [1]
    assert found.warm_items.users.tolist() == [1, 2]  # item 0 was user 0's already
    assert found.cold_items.users.tolist() == [0, 1]
    assert found.warm_items.values["mrr"].tolist() == [1 / 2, 1]
    # the first of four items without a score, at 1 to 4; and at 3 to 6 below the two others
    np.testing.assert_allclose(
        found.cold_items.values["mrr"], [np.mean([1, 1 / 2, 1 / 3, 1 / 4]), np.mean([1 / 3, 1 / 4, 1 / 5, 1 / 6])]
    )


def test_nobody_to_ask_is_an_empty_result():
    seen, held_out = _Ratings([[0], [1], [2]]), _Ratings([[], [], []])
    for protocol in (FullRanking(seen, held_out), SampledRanking(seen, held_out), Reranking(held_out)):
        assert '"users": []' in json.dumps(as_json(protocol.measure(_by_item(*range(6)), "any")))
    assert FullRanking(seen, held_out).measure(_by_item(*range(6)), "any").all.mean("ndcg") is None


def test_users_are_asked_in_parts_and_found_in_order(rng):
    per_user = [[int(rng.integers(6))] for _ in range(700)]
    asked = []

    class Perfect:
        def scores(self, users):
            asked.append(len(users))
            return np.eye(6, dtype=np.float32)[[per_user[user][0] for user in users]]

    found = FullRanking(_Ratings([[]] * 700), _Ratings(per_user)).measure(Perfect(), "perfect")
    assert sum(asked) == 700
    assert max(asked) <= 256
    assert found.all.mean("mrr") == 1


def test_negatives_are_new_to_their_user_distinct_and_the_same_for_every_system():
    seen, held_out = _Ratings([[0, 1], [2], []], 50), _Ratings([[7, 9], [4], []], 50)
    protocol = SampledRanking(seen, held_out, negatives=20, seed=3)
    for user, (items, drawn) in protocol.draws.items():
        assert drawn.shape == (len(items), 20)
        for row in drawn:
            assert len(set(row)) == 20
            assert not set(row) & {*seen.per_user[user], *held_out.per_user[user]}
    again, other = (SampledRanking(seen, held_out, negatives=20, seed=seed).draws for seed in (3, 4))
    assert all((again[user][1] == drawn).all() for user, (_, drawn) in protocol.draws.items())
    assert any((other[user][1] != drawn).any() for user, (_, drawn) in protocol.draws.items())


def test_a_user_with_few_unrated_items_meets_all_of_them():
    protocol = SampledRanking(_Ratings([[0], [], []]), _Ratings([[3, 4], [], []]))
    assert np.sort(protocol.draws[0][1]).tolist() == [[1, 2, 5], [1, 2, 5]]
    found = protocol.measure(_by_item(0, 1, 2, 3, 4, 5), "ascending")
    assert found.values["mrr"].tolist() == [1 / 2]  # 5 alone stands above each
    assert found.values["hit_rate"].tolist() == [1]


def test_a_constant_scorer_finds_one_in_a_hundred():
    seen, held_out = _Ratings([[0]], 500), _Ratings([[7]], 500)
    found = SampledRanking(seen, held_out).measure(_by_item(*[1] * 500, users=1), "constant")
    assert found.values["hit_rate"] == pytest.approx(10 / 100)
    assert found.values["mrr"] == pytest.approx(np.mean(1 / np.arange(1, 101)))


def test_reranking_by_hand_with_the_random_order_beside_it():
    held_out = _Ratings([[0, 1], [2], []], stars=[1.0, 3.0, 5.0])
    found = Reranking(held_out).measure(_by_item(9, 1, 1, 1, 1, 1), "the wrong way")
    assert found.users.tolist() == [0]  # one item is in order by itself
    second = 1 / np.log2(3)
    for name, (low, high) in {"linear": (1, 3), "exponential": (1, 7)}.items():
        wrong, right = low + high * second, high + low * second
        np.testing.assert_allclose(getattr(found, name), [wrong / right])
        np.testing.assert_allclose(getattr(found, f"{name}_random"), [(wrong + right) / 2 / right])


def test_reranking_takes_the_latest_of_two_ratings():
    held_out = _Ratings([[0, 1, 0], [], []], stars=[5.0, 3.0, 1.0])
    found = Reranking(held_out).measure(_by_item(1, 2, 0, 0, 0, 0), "the right way")
    assert found.linear.tolist() == [1]


@pytest.mark.parametrize("make", [FullRanking, SampledRanking, lambda _, held_out: Reranking(held_out)])
def test_scores_that_rank_nothing_are_refused_by_name(make):
    protocol = make(_Ratings([[0], [1], [2]]), _Ratings([[3, 4], [3, 4], [3, 4]]))
    rows = np.zeros((3, 6))
    rows[1, 4] = np.nan
    with pytest.raises(ScoreError, match="broken scores item index 4 for user index 1 as NaN, 1 of 18"):
        protocol.measure(_Scorer(rows), "broken")
    with pytest.raises(ScoreError, match=r"short gave scores of shape \(3, 5\) where \(3, 6\) are asked for"):
        protocol.measure(_Scorer(np.zeros((3, 5))), "short")


def test_ratings_of_other_users_or_items_are_refused():
    with pytest.raises(EvaluationError, match=r"need the same \(users, items\), got \(1, 6\) and \(2, 6\)"):
        FullRanking(_Ratings([[0]]), _Ratings([[1], [2]]))


@st.composite
def _ranked(draw):
    """What two users have seen, what is held out of them, and scores without ties."""
    rated = st.lists(st.integers(0, 5), max_size=6)
    seen, held_out = (_Ratings([draw(rated), draw(rated)]) for _ in range(2))
    return seen, held_out, np.array([draw(st.permutations(range(6))) for _ in range(2)], np.float32)


@given(_ranked(), st.integers(1, 7))
def test_full_ranking_is_that_of_sorted_lists(ranked, k):
    seen, held_out, scores = ranked
    expected = {}
    for user in range(2):
        ranking = [item for item in np.argsort(-scores[user]) if item not in seen.per_user[user]]
        relevant = {*held_out.per_user[user]} - {*seen.per_user[user]}
        if relevant:
            hits = [item in relevant for item in ranking]
            gain = sum(hit / np.log2(n + 2) for n, hit in enumerate(hits[:k]))
            ideal = sum(1 / np.log2(n + 2) for n in range(min(k, len(relevant))))
            found = sum(hits[:k])
            expected[user] = (gain / ideal, found / len(relevant), float(found > 0), 1 / (hits.index(True) + 1))
    found = FullRanking(seen, held_out, k).measure(_Scorer(scores), "any").all
    assert found.users.tolist() == [*expected]
    for column, metric in enumerate(("ndcg", "recall", "hit_rate", "mrr")):
        np.testing.assert_allclose(found.values[metric], [row[column] for row in expected.values()])


def test_without_ties_full_ranking_is_the_training_report_s(rng):
    """`rank_quality`, whose figures trained models come with."""
    per_user = [rng.permutation(30)[:12].tolist() for _ in range(20)]
    seen, held_out = _Ratings([items[:8] for items in per_user], 30), _Ratings([items[8:] for items in per_user], 30)
    scores = rng.normal(size=(20, 30)).astype(np.float32)
    report = rank_quality(scores, np.arange(20), seen, held_out)
    found = FullRanking(seen, held_out).measure(_Scorer(scores), "any").all
    assert (found.mean("ndcg"), found.mean("recall")) == (pytest.approx(report.ndcg), pytest.approx(report.recall))


def test_seeds_are_averaged_by_user():
    protocol = FullRanking(_Ratings([[0], [], [0]]), _Ratings([[1], [], [5]]), k=1)
    first, second = (
        protocol.measure(_by_item(*order), "any").all for order in ([0, 5, 4, 3, 2, 1], [5, 0, 1, 2, 3, 4])
    )
    both = averaged([first, second])
    assert both.users.tolist() == [0, 2]
    assert both.values["hit_rate"].tolist() == [0.5, 0.5]
    assert averaged([first]).values["mrr"].tolist() == first.values["mrr"].tolist()
    for wrong in ([], [first, replace(second, k=2)], [first, replace(second, users=second.users + 1)]):
        with pytest.raises(EvaluationError, match=f"needs the same users and k from each, got {len(wrong)} results"):
            averaged(wrong)


def test_one_user_has_a_mean_but_no_interval():
    found = FullRanking(_Ratings([[0], [], []]), _Ratings([[1], [], []])).measure(_by_item(*range(6)), "any").all
    assert found.mean("mrr") == 1 / 5
    assert found.interval("mrr") is None


def test_results_become_json():
    held_out = _Ratings([[3], [5, 2], []])
    found = as_json(FullRanking(_Ratings([[5], [0], []]), held_out, k=2).measure(_by_item(*range(6)), "any"))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["all"]["k"] == 2
    assert set(found["all"]["values"]) == {"ndcg", "recall", "hit_rate", "mrr"}
    assert found["cold_users"]["users"] == []
    assert as_json({"a": (np.float64("nan"), np.int64(3), np.inf, None, "b", True)}) == {
        "a": [None, 3, None, None, "b", True]
    }
