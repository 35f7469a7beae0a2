"""A trained encoder comes back from its folder as it was; a folder that is none is refused."""

import json
import os

import numpy as np
import pytest

from gatewright.training.distil import student_of
from gatewright.training.encoder_files import FILES, load_encoder, save_encoder
from gatewright.training.errors import TrainingError

TEXTS = ["a space adventure", "Heat. Crime", "word " * 500]


@pytest.fixture
def folder(tiny_encoder, tmp_path):
    save_encoder(student_of(tiny_encoder, (0, 2)), tmp_path / "student")
    return tmp_path / "student"


def test_it_comes_back_as_it_was(folder, tiny_encoder):
    student = student_of(tiny_encoder, (0, 2))
    found = load_encoder(folder)
    assert found.tokenize(TEXTS) == student.tokenize(TEXTS)  # cut at the same length, too
    assert np.array_equal(found.encode(TEXTS), student.encode(TEXTS))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there(name, folder):
    (folder / name).unlink()
    with pytest.raises(TrainingError, match=f"has no {name}, it needs config.json"):
        load_encoder(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file(name, folder):
    os.truncate(folder / name, (folder / name).stat().st_size // 2)
    with pytest.raises(TrainingError, match="is damaged: ") as error:
        load_encoder(folder)
    assert "\n" not in str(error.value)


def test_a_model_of_another_kind(folder):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_type": "gpt2"}))
    with pytest.raises(TrainingError, match="model_type is 'gpt2', allowed: 'bert'"):
        load_encoder(folder)
