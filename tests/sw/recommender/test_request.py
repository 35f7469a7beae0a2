"""A whole request: against the float reference, and for every input a user may give."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright.driver import Accelerator
from gatewright.models.deploy import BUCKETS, deploy_or_load, hybrid_model
from gatewright.models.reference import agreement
from gatewright.program.compiled import FabricStep
from gatewright.recommender import HybridRecommender, ModelFileError, RecommenderError, UnknownUserError
from gatewright.recommender.request import COLUMNS, best
from gatewright.spec.errors import GatewrightError
from gatewright.spec.registers import register


def test_answer_is_titled_unseen_and_ordered(recommender, small_trained):
    data = small_trained.data
    answer = recommender.recommend(int(data.user_ids[4]), top=7)
    assert len(answer.items) == 7
    scores = [item.score for item in answer.items]
    assert scores == sorted(scores, reverse=True)
    seen = set(data.movie_ids[data.items[data.users == 4]].tolist())
    assert {data.movie_ids[index] for index in answer.seen} == seen
    for item in answer.items:
        index = int(np.flatnonzero(data.movie_ids == item.movie_id)[0])
        assert (item.title, item.genres) == (data.titles[index], data.genres[index])
        assert item.movie_id not in seen
        assert item.score == answer.scores[index]
    assert scores[0] == np.delete(answer.scores, answer.seen).max()


@pytest.mark.parametrize("query", [None, "space adventure"])
def test_scores_are_near_the_float_reference(recommender, small_trained, query):
    reference = small_trained.reference()
    found = []
    for user in range(small_trained.data.n_users):
        answer = recommender.recommend(int(small_trained.data.user_ids[user]), query)
        assert answer.query == query
        found.append(agreement(answer.scores, reference.request(user, query), answer.seen))
    assert np.mean([one.top_overlap for one in found]) >= 0.85
    assert min(one.cosine for one in found) > (0.99 if query else 0.995)  # the language model's layers add up


def test_blank_query_is_no_query(recommender, small_trained):
    user = int(small_trained.data.user_ids[0])
    plain, blank = recommender.recommend(user), recommender.recommend(user, "  ")
    assert plain.items == blank.items
    assert plain.query is blank.query is None


def test_query_changes_the_answer(recommender, small_trained):
    user = int(small_trained.data.user_ids[0])
    assert recommender.recommend(user, "western").items != recommender.recommend(user, "animation for children").items


def test_calibration_holds_what_requests_bring(recommender, small_trained):
    """No input of the users that the model was calibrated with saturates."""
    answers = [recommender.recommend(int(user), q) for user in small_trained.data.user_ids for q in (None, "heist")]
    assert {answer.saturated for answer in answers} == {()}


def test_requests_leave_nothing_behind(recommender, small_trained):
    first, other = (int(user) for user in small_trained.data.user_ids[:2])
    before = recommender.recommend(first, "heist")
    recommender.recommend(other, "a very long query " * 20)
    assert np.array_equal(recommender.recommend(first, "heist").scores, before.scores)


@pytest.mark.parametrize("user", [0, -1, 99999])
def test_unknown_user(recommender, small_trained, user):
    ids = small_trained.data.user_ids
    with pytest.raises(UnknownUserError, match=f"unknown user {user}: .*{len(ids)} users, with ids from {ids[0]} to"):
        recommender.recommend(user)


@pytest.mark.parametrize("top", [0, -3, 10**6])
def test_top_out_of_range(recommender, small_trained, top):
    user = int(small_trained.data.user_ids[0])
    with pytest.raises(RecommenderError, match=rf"top is {top}, allowed 1 to \d+") as caught:
        recommender.recommend(user, top=top)
    assert isinstance(caught.value, GatewrightError)


def test_all_unrated_movies_can_be_asked_for(recommender, small_trained):
    data = small_trained.data
    count = data.n_items - int((data.users == 0).sum())
    answer = recommender.recommend(int(data.user_ids[0]), top=count)
    assert len({item.movie_id for item in answer.items}) == count


def test_neither_a_user_nor_a_query(recommender):
    for blank in (None, "", " "):
        with pytest.raises(RecommenderError, match="neither a user nor a query is given, allowed: one of them"):
            recommender.recommend(None, blank)


@pytest.mark.parametrize(("query", "engines"), [(None, 3), ("space adventure", 4)])
def test_a_request_is_one_doorbell(query, engines, recommender, accelerator, small_trained, monkeypatch):
    accelerator.reset_report()
    accesses = []
    write = accelerator.backend.write
    monkeypatch.setattr(accelerator.backend, "write", lambda *access: (accesses.append(access), write(*access)))
    recommender.recommend(int(small_trained.data.user_ids[0]), query)
    report = accelerator.report()
    assert report.programs == 1
    start = register("CONTROL").offset
    assert [offset for offset, _ in accesses].count(start) == 1
    assert sum(engine.commands > 0 for engine in report.engines) == engines  # attention is the language model's
    # a row of each expert, and of the month
    assert report.engine("aggregate").commands >= 4 + 1


def test_the_whole_request_runs_on_the_fabric(small_deployed):
    for program in small_deployed.programs:
        for variant in program.variants:
            assert [type(step) for step in variant.steps] == [FabricStep]
            assert [value.name for value in variant.outputs] == ["scores"]
    assert [variant.dims for variant in small_deployed.query.variants] == [{"tokens": size} for size in BUCKETS]
    assert [variant.dims for variant in small_deployed.history.variants] == [{}]


@pytest.mark.slow
def test_every_configuration_recommends_the_same(recommender, small_trained):
    user = int(small_trained.data.user_ids[2])
    with Accelerator("tiny", "golden") as accelerator:
        deployed = deploy_or_load(small_trained, accelerator.config)
        tiny = HybridRecommender(accelerator, deployed.model, deployed.programs)
        for query, least in ((None, 0.999), ("love", 0.995)):  # the language model has long sums, here in slices
            answer = tiny.recommend(user, query)
            found = agreement(answer.scores, recommender.recommend(user, query).scores, answer.seen)
            assert found.cosine > least


@pytest.mark.slow
def test_fifty_users_overlap_by_ninety_per_cent(full_recommender, full_trained):
    data, reference = full_trained.data, full_trained.reference()
    overlap, cosine = [], []
    for user in np.random.default_rng(11).choice(data.n_users, 50, replace=False):
        answer = full_recommender.recommend(int(data.user_ids[user]))
        found = agreement(answer.scores, reference.request(int(user)), answer.seen)
        overlap.append(found.top_overlap)
        cosine.append(found.cosine)
    print(f"top-10 overlap: mean {np.mean(overlap):.3f}, worst {min(overlap):.1f}; cosine: worst {min(cosine):.5f}")
    assert np.mean(overlap) >= 0.9
    assert min(cosine) > 0.99


@pytest.mark.parametrize(("query", "kind"), [(None, "history"), ("heist", "query")])
def test_the_program_of_another_model_is_refused(query, kind, accelerator, small_deployed):
    key = small_deployed.model.key
    user = int(small_deployed.model.catalogue.user_ids[0])
    other = replace(small_deployed.model, key="0123456789abcdef")
    with pytest.raises(ModelFileError, match=f"the program is '{kind} request {key}', allowed for this model: '{kind}"):
        HybridRecommender(accelerator, other, small_deployed.programs).recommend(user, query)
    with pytest.raises(ModelFileError, match=f"allowed for this model: '{kind} request {key}'"):
        HybridRecommender(accelerator, small_deployed.model, small_deployed.programs[::-1]).recommend(user, query)


@pytest.mark.parametrize("query", [None, "space adventure"])
@pytest.mark.parametrize("left", [0, 1, 2])
@pytest.mark.parametrize("user", [0, 9], ids=["the first", "the last"])
def test_few_ratings_or_none(user, left, query, accelerator, small_trained, small_deployed):
    data = small_trained.data
    fewer = data.select((data.users != user) | (data.age_from_end() < left))
    model = hybrid_model(replace(small_trained, data=fewer))
    with HybridRecommender(accelerator, model, small_deployed.programs) as recommender:
        answer = recommender.recommend(int(data.user_ids[user]), query)
    assert len(answer.seen) == left
    meant = small_trained.reference(fewer).request(user, query)
    assert agreement(answer.scores, meant, answer.seen).cosine > 0.98


def test_somebody_unknown_may_type(recommender, small_trained):
    answer = recommender.recommend(query="space adventure")
    assert (answer.user_id, len(answer.seen), answer.title) == (None, 0, "whoever asks: space adventure")
    meant = small_trained.reference().request(None, "space adventure")
    assert agreement(answer.scores, meant, answer.seen).cosine > 0.98


@pytest.mark.parametrize("query", [None, "space adventure"])
def test_a_new_rating_counts_at_the_next_request(query, recommender, small_trained, monkeypatch):
    """As it would in float, and for its user alone."""
    data = small_trained.data
    mine, other = int(data.user_ids[4]), int(data.user_ids[5])
    before, others = (recommender.recommend(user, query) for user in (mine, other))
    best = before.items[0]
    monkeypatch.setattr(recommender, "model", recommender.model.with_rating(mine, best.movie_id, 2_000_000_000))
    after = recommender.recommend(mine, query)
    assert best.movie_id not in {item.movie_id for item in after.items}
    assert not np.array_equal(after.scores, before.scores)
    at = data.user_ptr[5]
    more = replace(
        data,
        users=np.insert(data.users, at, 4),
        items=np.insert(data.items, at, np.searchsorted(data.movie_ids, best.movie_id)),
        ratings=np.insert(data.ratings, at, 3.5),
        timestamps=np.insert(data.timestamps, at, 2_000_000_000),
    )
    meant = small_trained.reference(more).request(4, query)
    assert agreement(after.scores, meant, after.seen).cosine > 0.99
    assert np.array_equal(recommender.recommend(other, query).scores, others.scores)


@pytest.mark.parametrize("items", [50, COLUMNS, 3 * COLUMNS + 7])
@pytest.mark.parametrize("count", [1, 3, 10, 40, COLUMNS + 1])
def test_the_best_are_those_of_a_stable_sort(count: int, items: int, rng: np.random.Generator) -> None:
    """With many equal ones, and some that are left out."""
    for levels in (1, 3, 1000):
        scores = rng.integers(levels, size=items).astype(np.float32)
        without = rng.choice(items, 10, replace=False)
        order = np.argsort(-scores, kind="stable")
        expected = order[~np.isin(order, without)][:count].tolist()
        if len(expected) == count:
            assert best(scores, count, without).tolist() == expected
