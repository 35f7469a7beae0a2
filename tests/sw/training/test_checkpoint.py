"""A checkpoint is refused by the field that is wrong, whatever is wrong with it."""

import json
import os

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from gatewright.training.checkpoint import FILE, Checkpoint, held_folder, load_checkpoint, save_checkpoint
from gatewright.training.errors import CheckpointError

IDENTITY = {"model": "tiny", "data": "ab12", "plan.seed": 0, "plan.learning_rate": 1e-4}


@pytest.fixture
def folder(tmp_path):
    tensors = {"weights/a": torch.arange(6.0).reshape(2, 3), "adamw.step/a": torch.tensor(7.0), "none": torch.zeros(0)}
    save_checkpoint(tmp_path, Checkpoint(IDENTITY, 7, {"losses": [0.1, 1e-300], "rng": 1 << 100}, tensors))
    return tmp_path


def rewrite(folder, **fields):
    """The same file with other fields in its header; None leaves one out."""
    with safe_open(folder / FILE, "pt") as file:
        header = {name: value for name, value in {**file.metadata(), **fields}.items() if value is not None}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, folder / FILE, header)


def test_what_was_saved_comes_back_bit_for_bit(folder):
    found = load_checkpoint(folder, IDENTITY)
    assert (found.step, found.state) == (7, {"losses": [0.1, 1e-300], "rng": 1 << 100})
    assert torch.equal(found.tensors["weights/a"], torch.arange(6.0).reshape(2, 3))
    assert found.tensors["adamw.step/a"].shape == ()
    assert found.tensors["none"].shape == (0,)


def test_no_file_is_no_checkpoint(tmp_path):
    assert load_checkpoint(tmp_path, IDENTITY) is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model": "large"}, "its model is 'tiny', this run's is 'large'"),
        ({"data": "cd34"}, "its data is 'ab12', this run's is 'cd34'"),
        ({"plan.seed": 1}, "its plan.seed is 0, this run's is 1"),
        ({"plan.learning_rate": 2e-4}, "its plan.learning_rate is 0.0001, this run's is 0.0002"),
        ({"layers": [1, 2]}, "its layers is None, this run's is [1, 2]"),
    ],
)
def test_another_run_is_named_by_the_field_that_differs(folder, other, said):
    with pytest.raises(CheckpointError, match="is of another run: ") as error:
        load_checkpoint(folder, {**IDENTITY, **other})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("size", [0, 7, 8, 100, -1])
def test_a_file_cut_short_is_damaged(folder, size):
    whole = (folder / FILE).stat().st_size
    os.truncate(folder / FILE, size if size >= 0 else whole + size)
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged: .*delete it to begin anew"):
        load_checkpoint(folder, IDENTITY)


def test_any_flipped_bit_is_noticed(folder, rng):
    whole = (folder / FILE).read_bytes()
    places = {*range(8), *rng.integers(len(whole), size=150).tolist(), len(whole) - 1}
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << rng.integers(8)
        (folder / FILE).write_bytes(changed)
        with pytest.raises(CheckpointError):
            load_checkpoint(folder, IDENTITY)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"format": "gatewright training state 9"}, "format is 'gatewright training state 9', allowed: "),
        ({"format": None}, "format is None, allowed: "),
        ({"step": "8"}, "sha256 is not that of its content"),
        ({"state": None}, "sha256 is not that of its content"),
        ({"identity": json.dumps({**IDENTITY, "data": "cd34"})}, "sha256 is not that of its content"),
        ({"sha256": None}, "sha256 is not that of its content"),
    ],
)
def test_headers_that_are_not_ours(folder, fields, said):
    rewrite(folder, **fields)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(folder, IDENTITY)
    assert said in str(error.value)


def test_what_cannot_be_read_is_said(folder):
    (folder / FILE).unlink()
    (folder / FILE).mkdir()
    with pytest.raises(CheckpointError, match=r"state\.safetensors"):
        load_checkpoint(folder, IDENTITY)


def test_a_folder_belongs_to_one_training(tmp_path):
    used = pytest.raises(CheckpointError, match="another process trains into this folder")
    with held_folder(tmp_path), used, held_folder(tmp_path):
        pass
    with held_folder(tmp_path):
        pass


def test_what_a_killed_process_was_writing_is_removed(folder):
    (folder / ".gatewright-0123").write_bytes(b"half")
    with held_folder(folder):
        assert {file.name for file in folder.iterdir()} == {FILE, ".lock"}
