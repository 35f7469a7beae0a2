"""Training end to end: on a few users cached, keyed and reproducible; on all of them better than popularity."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from gatewright.models import text_vectors, train
from gatewright.models.data import load_movielens
from gatewright.models.train import train_or_load


@pytest.fixture
def quick(small_options):
    return replace(small_options, hybrid=replace(small_options.hybrid, graph_steps=2))


def test_small_model_is_complete(small_trained):
    data = small_trained.data
    assert set(small_trained.quality) == {"popularity", "hybrid"}
    scores = small_trained.reference().request(0)
    assert scores.shape == (data.n_items,)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


def test_second_call_loads_and_other_options_train(tmp_path, monkeypatch, quick):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))
    data = load_movielens().subset(2)
    stages = []

    def progress(stage, done, total):
        stages.append(stage)

    first = train_or_load(data, quick, progress)
    assert list(dict.fromkeys(stages)) == [
        "reading titles",
        "learning from all but the latest ratings",
        "learning from all ratings",
    ]
    stages.clear()
    again = train_or_load(data, quick, progress)
    assert stages == []
    assert again.key == first.key
    assert again.quality == first.quality
    assert (again.reference().request(0) == first.reference().request(0)).all()
    other = train_or_load(data, replace(quick, hybrid=replace(quick.hybrid, seed=1)), progress)
    assert "learning from all ratings" in stages
    assert "reading titles" not in stages  # text vectors depend on the titles alone
    assert other.key != first.key
    assert not (other.reference().request(0) == first.reference().request(0)).all()


@pytest.fixture(scope="module")
def kept(shared_cache, small_options):
    """The cache after a training."""
    cache = shared_cache / "kept"
    options = replace(small_options, hybrid=replace(small_options.hybrid, graph_steps=2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(cache))
        train_or_load(load_movielens().subset(2), options)
    return cache


@pytest.mark.parametrize("file", ["model.npz", "quality.json"])
def test_a_damaged_model_is_trained_again(file, kept, tmp_path, monkeypatch, quick, caplog):
    shutil.copytree(kept, tmp_path / "cache")
    (entry,) = (tmp_path / "cache/models").glob("[!.]*")
    os.truncate(entry / file, (entry / file).stat().st_size // 2)
    (good,) = (kept / "models").glob("[!.]*")
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "_train", lambda data, options, folder, progress: _copy(good, folder))
    trained = train_or_load(load_movielens().subset(2), quick)
    assert np.isfinite(trained.reference().request(0)).all()
    assert [record.message for record in caplog.records] == [
        f"cache entry {entry} is damaged ({file} is not as it was made): it is made again"
    ]


def _copy(entry, folder):
    for name in ("model.npz", "quality.json"):
        shutil.copy(entry / name, folder / name)


def test_damaged_vectors_of_texts_are_made_again(shared_cache, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    before = text_vectors.text_vectors(["Heat", "Babe"])
    (file,) = (tmp_path / "cache/text").glob("*/text.npy")
    os.truncate(file, file.stat().st_size // 2)
    assert np.allclose(text_vectors.text_vectors(["Heat", "Babe"]), before, atol=1e-5)
    assert len(caplog.records) == 1


def test_reference_answers_as_it_scores_all_users(small_trained):
    reference = small_trained.reference()
    users = np.arange(small_trained.data.n_users)
    together = reference.heard.scores(users)
    for user in users:
        for nothing in (None, "", "  "):
            np.testing.assert_allclose(reference.request(user, nothing), together[user], atol=1e-4)


@pytest.mark.slow
def test_full_model_beats_popularity_and_follows_queries():
    trained = train_or_load(load_movielens())
    popular, hybrid = trained.quality["popularity"], trained.quality["hybrid"]
    assert hybrid.ndcg > 2.5 * popular.ndcg
    assert hybrid.recall > 2.5 * popular.recall
    genres = np.array(["Sci-Fi" in genres for genres in trained.data.genres])
    reference = trained.reference()
    share = {
        query: np.mean([genres[np.argsort(-reference.request(user, query))[:10]].mean() for user in range(0, 600, 60)])
        for query in (None, "science fiction")
    }
    assert share["science fiction"] > share[None] + 0.3
