"""Training end to end: on a few users cached, keyed and reproducible; on all of them better than popularity."""

import ast
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from gatewright.models import sources, text_vectors, train
from gatewright.models.data import load_movielens
from gatewright.models.train import train_or_load
from gatewright.models.train_fusion import history_tokens, profile_texts


def test_small_model_is_complete(small_trained):
    data = small_trained.data
    assert small_trained.text.shape == (data.n_items, 384)
    assert set(small_trained.quality) == {"popularity", "lightgcn", "hybrid"}
    scores = small_trained.reference().request(0)
    assert scores.shape == (data.n_items,)
    assert np.isfinite(scores).all()


def test_second_call_loads_and_other_options_train(tmp_path, monkeypatch, small_options):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))
    data = load_movielens().subset(2)
    stages = []
    options = replace(small_options, graph=replace(small_options.graph, steps=2))

    def progress(stage, done, total):
        stages.append(stage)

    first = train_or_load(data, options, progress)
    assert list(dict.fromkeys(stages)) == ["reading titles", "training LightGCN", "training fusion"]
    stages.clear()
    again = train_or_load(data, options, progress)
    assert stages == []
    assert again.key == first.key
    assert again.quality == first.quality
    assert torch.equal(again.reference().table, first.reference().table)
    other = train_or_load(data, replace(options, seed=1), progress)
    assert "training fusion" in stages
    assert "reading titles" not in stages  # text vectors depend on the titles alone
    assert other.key != first.key
    assert not torch.equal(other.reference().table, first.reference().table)


@pytest.fixture(scope="module")
def kept(shared_cache, small_options):
    """The cache after a training."""
    cache = shared_cache / "kept"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GATEWRIGHT_CACHE", str(cache))
        train_or_load(load_movielens().subset(2), replace(small_options, graph=replace(small_options.graph, steps=2)))
    return cache


@pytest.mark.parametrize("file", ["model.pt", "quality.json", "text.npy"])
def test_a_damaged_model_is_trained_again(file, kept, tmp_path, monkeypatch, small_options, caplog):
    shutil.copytree(kept, tmp_path / "cache")
    (entry,) = (tmp_path / "cache/models").glob("[!.]*")
    os.truncate(entry / file, (entry / file).stat().st_size // 2)
    (good,) = (kept / "models").glob("[!.]*")
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "_train", lambda data, options, folder, progress: _copy(good, folder))
    options = replace(small_options, graph=replace(small_options.graph, steps=2))
    trained = train_or_load(load_movielens().subset(2), options)
    assert np.isfinite(trained.reference().request(0)).all()
    assert [record.message for record in caplog.records] == [
        f"cache entry {entry} is damaged ({file} is not as it was made): it is made again"
    ]


def _copy(entry, folder):
    for name in ("model.pt", "quality.json", "text.npy"):
        shutil.copy(entry / name, folder / name)


def test_damaged_vectors_of_texts_are_made_again(kept, tmp_path, monkeypatch, caplog):
    shutil.copytree(kept, tmp_path / "cache")
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    (file,) = (tmp_path / "cache/text").glob("*/text.npy")
    before = np.load(file)
    os.truncate(file, file.stat().st_size // 2)
    vectors = text_vectors.item_vectors(load_movielens().subset(2))
    assert np.allclose(vectors, before, atol=1e-5)
    assert len(caplog.records) == 1


def _imports(module, found):
    """The modules of the models and the recommender's texts that ``module`` imports, itself included."""
    source = Path(train.__file__).parents[1] / f"{module}.py"
    if not source.is_file():
        source = source.with_suffix("") / "__init__.py"
    if module not in found and source.is_file():
        found.add(module)
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gatewright."):
                _imports(node.module.removeprefix("gatewright.").replace(".", "/"), found)
    return found


@pytest.mark.parametrize(
    ("module", "sources"), [("models/train", train.MODEL_SOURCES), ("models/text_vectors", text_vectors.TEXT_SOURCES)]
)
def test_keys_cover_every_source_that_a_model_depends_on(module, sources):
    needed = {name for name in _imports(module, set()) if name.startswith("models/") or name == "recommender/texts"}
    assert "models/data/movielens" in needed
    folders = tuple(f"{source}/" for source in sources)
    assert {name for name in needed if name not in sources and not name.startswith(folders)} == set()


def test_a_change_in_any_file_of_a_folder_is_another_version(tmp_path, monkeypatch):
    (tmp_path / "models/data").mkdir(parents=True)
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "models/sources.py"))
    versions = []
    for name, text in (("models/a.py", ""), ("models/data/__init__.py", ""), ("models/data/b.py", "1")):
        (tmp_path / name).write_text(text)
        versions.append(
            sources.code_version("models/a", "models/data") if versions else sources.code_version("models/a")
        )
    (tmp_path / "models/data/b.py").write_text("2")
    assert len({*versions, sources.code_version("models/a", "models/data")}) == 4


def test_history_is_most_recent_first_and_stops_at_the_users_first_rating():
    data = load_movielens().subset(3)
    start = data.user_ptr[1]
    items, stars, mask = history_tokens(data, np.array([1, 1]), start + np.array([3, 1]), 4)
    assert items[0, :3].tolist() == data.items[start : start + 3][::-1].tolist()
    assert stars[0, :3].tolist() == data.half_stars[start : start + 3][::-1].tolist()
    assert mask.tolist() == [[True, True, True, False], [True, False, False, False]]


def test_reference_scores_a_batch_as_it_scores_each_user(small_trained):
    reference = small_trained.reference()
    users = np.arange(small_trained.data.n_users)
    queries = small_trained.text[: len(users)]
    together = reference.scores(users, queries)
    for user in users:
        assert np.allclose(reference.scores(users[[user]], queries[[user]])[0], together[user], atol=1e-4)


def test_blank_query_means_the_favourites(small_trained):
    reference = small_trained.reference()
    assert reference.query_text(0) == reference.query_text(0, "  ") == profile_texts(small_trained.data)[0]
    assert reference.query_text(0, " space adventure ") == "space adventure"


@pytest.mark.slow
def test_full_model_beats_popularity_and_follows_queries():
    trained = train_or_load(load_movielens())
    popular, hybrid = trained.quality["popularity"], trained.quality["hybrid"]
    assert hybrid.ndcg > 1.3 * popular.ndcg
    assert hybrid.recall > 1.3 * popular.recall
    genres = np.array(["Sci-Fi" in genres for genres in trained.data.genres])
    reference = trained.reference()
    share = {
        query: np.mean([genres[np.argsort(-reference.request(user, query))[:10]].mean() for user in range(0, 600, 60)])
        for query in (None, "science fiction")
    }
    assert share["science fiction"] > share[None] + 0.3
