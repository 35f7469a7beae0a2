"""The language model alone as systems: the same by their seed, better than before, and what each name says they are."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from gatewright.evaluation.protocols import FullRanking
from gatewright.models.baselines.tune import trials
from gatewright.models.systems import NEURAL_BUDGET
from gatewright.models.text import item_texts
from gatewright.recommender.errors import RecommenderError
from gatewright.training import system as systems
from gatewright.training.distil import Distillation
from gatewright.training.fabric import FabricEncoder
from gatewright.training.system import SYSTEMS, TextFineTuned, TextInt8, TextLora, TextStudent


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path))


@pytest.mark.parametrize("kind", [TextFineTuned, TextLora])
def test_it_is_a_system(kind, tastes, tiny_encoder, tmp_path):
    system = kind(steps=10)
    users = np.arange(40)
    scores = system.fit(tastes.train, tiny_encoder).scores(users)
    assert scores.shape == (40, 64)
    assert len(list((tmp_path / "fine-tuned").iterdir())) > 0
    longer = replace(system, half_life=9.0).fit(tastes.train, tiny_encoder)
    assert not np.array_equal(scores, longer.scores(users))
    assert np.array_equal(system.fit(tastes.train, tiny_encoder).vectors, longer.vectors)
    other = replace(system, seed=1).fit(tastes.train, tiny_encoder)
    assert not np.array_equal(longer.vectors, other.vectors)


def test_the_seed_decides(tastes, tiny_encoder, tmp_path, monkeypatch):
    found = []
    for cache in ("one", "other"):
        monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / cache))
        found.append(TextLora(steps=10).fit(tastes.train, tiny_encoder).vectors)
    assert np.array_equal(*found)


def test_whole_is_not_by_adapters(tastes, tiny_encoder):
    whole, adapted = (kind(3e-3, steps=30).tuned(tastes.train, tiny_encoder).bert for kind in (TextFineTuned, TextLora))

    def changed(bert, name):
        return not torch.equal(bert.get_parameter(name), tiny_encoder.bert.get_parameter(name))

    words, first = "embeddings.word_embeddings.weight", "encoder.layer.0.output.dense.weight"
    last = "encoder.layer.2.output.dense.weight"
    assert [changed(whole, name) for name in (words, first, last)] == [True, True, True]
    assert [changed(adapted, name) for name in (words, first, last)] == [False, False, True]


def test_it_ranks_what_the_titles_say(tastes, tiny_encoder):
    protocol = FullRanking(tastes.train, tastes.test)
    found = [
        protocol.measure(TextFineTuned(3e-3, steps).fit(tastes.train, tiny_encoder), "text").all.mean("ndcg")
        for steps in (1, 60)
    ]
    assert found[1] > found[0] + 0.05


def test_int8_is_the_accelerator_s(tastes, tiny_encoder, monkeypatch):
    texts = item_texts(tastes.train)
    made = FabricEncoder.of(tiny_encoder, texts, "tiny")
    monkeypatch.setattr(systems.FabricEncoder, "of", lambda encoder, texts: made)
    assert np.array_equal(TextInt8().vectors(tiny_encoder, texts[:5]), made.encode(texts[:5]))


def test_a_student_is_near_to_what_it_learns_from(tastes, tiny_encoder, monkeypatch):
    texts = item_texts(tastes.train)
    monkeypatch.setattr(TextStudent, "STUDENT", Distillation(layers=(0, 2), batch=32))
    wanted = tiny_encoder.encode(texts)
    near = [(TextStudent(student_steps=steps).vectors(tiny_encoder, texts) * wanted).sum(1).mean() for steps in (1, 60)]
    assert 1 > near[1] > near[0] + 0.01


def test_all_have_the_budget_of_learnt_systems():
    assert len({kind.NAME for kind in SYSTEMS}) == 4
    for kind in SYSTEMS:
        assert len(trials(kind, NEURAL_BUDGET)) == NEURAL_BUDGET
        assert set(kind.GRID) < {option.name for option in fields(kind)}


@pytest.mark.parametrize("option", ["learning_rate", "steps", "half_life", "held_out"])
def test_bad_options(option):
    with pytest.raises(RecommenderError, match=f"{option} of LM alone, fine-tuned whole must lie above 0, got 0"):
        TextFineTuned(**{option: 0})
