"""A student comes near to its teacher, also on texts that it was not shown, and is exported as the teacher is."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from gatewright.models.export import export_encoder
from gatewright.models.text import item_texts, load_text_encoder
from gatewright.training.distil import Distillation, DistilTask, distil, student_of
from gatewright.training.errors import TrainingError
from gatewright.training.item_encoder import fingerprint
from gatewright.training.loop import train
from gatewright.training.plan import Plan

OPTIONS = Distillation(layers=(0, 2), batch=32)
PLAN = Plan(steps=60, learning_rate=3e-3, warm_up=5, validate_every=20)


@pytest.fixture
def texts(parts):
    return item_texts(parts.train)


def test_a_student_with_all_layers_is_its_teacher(tiny_encoder):
    student = student_of(tiny_encoder, (0, 1, 2))
    assert fingerprint(student.bert) == fingerprint(tiny_encoder.bert)
    assert student_of(tiny_encoder, (1,)).bert.config.num_hidden_layers == 1
    assert tiny_encoder.bert.config.num_hidden_layers == 3


def test_it_comes_near_to_its_teacher(texts, tiny_encoder):
    before = fingerprint(tiny_encoder.bert)
    found = distil(tiny_encoder, texts, PLAN, OPTIONS)
    assert found.history.best.quality > found.history.looks[0].quality + 0.02
    unseen = ["a space adventure", "films that children like, with animals and songs"]

    def cosine(student):
        return (student.encode(unseen) * tiny_encoder.encode(unseen)).sum(1).mean()

    assert cosine(found.encoder) > cosine(student_of(tiny_encoder, (0, 2)))
    embeddings = (encoder.bert.embeddings.word_embeddings.weight for encoder in (found.encoder, tiny_encoder))
    assert torch.equal(*embeddings)
    assert fingerprint(tiny_encoder.bert) == before


def test_texts_held_out_are_not_learnt(texts, tiny_encoder, rng):
    task = DistilTask(tiny_encoder, texts * 2, OPTIONS)
    assert len(task.held_out) == np.ceil(0.05 * len(set(texts)))
    assert not set(task.held_out) & set(task.learnt)
    asked = []
    task.module.register_forward_hook(lambda module, given, result: asked.extend(given[0].tolist()))
    for _ in range(20):
        task.loss(rng)
    assert set(asked) <= set(task.learnt.tolist())


def test_it_continues_to_the_same_weights(texts, tiny_encoder, tmp_path):
    whole, first, second = (DistilTask(tiny_encoder, texts, OPTIONS) for _ in range(3))
    plan = replace(PLAN, steps=20, validate_every=5)
    train(whole, plan)
    train(first, replace(plan, steps=10), folder=tmp_path)
    train(second, plan, folder=tmp_path)
    assert fingerprint(second.module) == fingerprint(whole.module)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layers": ()}, r"layers of a student are \[\], allowed: rising numbers from 0"),
        ({"layers": (2, 0)}, r"layers of a student are \[2, 0\]"),
        ({"layers": (0, 0)}, r"layers of a student are \[0, 0\]"),
        ({"layers": (-1,)}, r"layers of a student are \[-1\]"),
        ({"batch": 0}, "batch of a distillation is 0, allowed: from 1"),
        ({"relations": float("nan")}, "relations"),
        ({"held_out": 1.0}, "held_out of a distillation is 1.0, allowed: between 0 and 1"),
    ],
)
def test_bad_options(options, said):
    with pytest.raises(TrainingError, match=said):
        Distillation(**options)


def test_layers_that_the_teacher_has_not(tiny_encoder):
    with pytest.raises(TrainingError, match="layers of a student has 3, the teacher's are 0 to 2"):
        student_of(tiny_encoder, (0, 3))


def test_one_text_is_too_few(tiny_encoder):
    with pytest.raises(TrainingError, match="at least two different texts, got 1"):
        DistilTask(tiny_encoder, ["Heat", "Heat"], OPTIONS)


@pytest.mark.slow
def test_a_student_is_exported_as_its_teacher_is():
    import onnxruntime

    student = student_of(load_text_encoder(), (0, 2, 5))
    session = onnxruntime.InferenceSession(export_encoder(student).SerializeToString())
    for text in ("western", "films that children like, with animals and songs"):
        ids = np.array(student.tokenize([text]))
        (vector,) = session.run(None, {"ids": ids, "mask": np.ones_like(ids)})
        assert np.allclose(vector, student.encode([text]), atol=1e-5)
