"""Model files: what is written is read, and a wrong file is named."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from gatewright.recommender import HybridModel, ModelFileError, storage
from gatewright.spec.fixed import Requantise


@dataclass(frozen=True, eq=False)
class _Part:
    weight: np.ndarray
    requantise: Requantise


@dataclass(frozen=True, eq=False)
class _Whole:
    name: str
    count: int
    factor: float
    titles: tuple[str, ...]
    none: tuple[str, ...]
    parts: tuple[_Part, ...]


WHOLE = _Whole(
    name="Amélie",
    count=3,
    factor=0.1,
    titles=("Wrong, \n title", ""),
    none=(),
    parts=(
        _Part(np.arange(6, dtype=np.int8).reshape(2, 3), Requantise(65535, 47)),
        _Part(np.zeros(0), Requantise(0, 0)),
    ),
)


def _same(a, b):
    if dataclasses.is_dataclass(a):
        return type(a) is type(b) and all(_same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return type(a) is type(b) and a == b


def test_round_trip(tmp_path):
    storage.save(tmp_path / "model.npz", WHOLE, 4)
    assert _same(storage.load(tmp_path / "model.npz", _Whole, 4), WHOLE)


def test_whole_model_round_trip(tmp_path, small_deployed):
    small_deployed.model.save(tmp_path / "model.npz")
    assert _same(HybridModel.load(tmp_path / "model.npz"), small_deployed.model)


def test_missing_file(tmp_path):
    with pytest.raises(ModelFileError, match=r"nothing\.npz does not exist"):
        HybridModel.load(tmp_path / "nothing.npz")


def test_other_version(tmp_path):
    storage.save(tmp_path / "model.npz", WHOLE, 4)
    with pytest.raises(ModelFileError, match="has format version 4, this release reads version 5"):
        storage.load(tmp_path / "model.npz", _Whole, 5)


@pytest.mark.parametrize("keep", [0, 100, 0.5])
def test_cut_or_foreign_file(tmp_path, keep):
    path = tmp_path / "model.npz"
    storage.save(path, WHOLE, 4)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(ModelFileError, match="is damaged"):
        storage.load(path, _Whole, 4)


def test_changed_contents_fail_the_checksum(tmp_path):
    path = tmp_path / "model.npz"
    storage.save(path, WHOLE, 4)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["model.parts.0.weight"][0, 0] += 1
    np.savez(path, **arrays)
    with pytest.raises(ModelFileError, match="checksum does not match"):
        storage.load(path, _Whole, 4)


def test_another_kind_of_archive_is_refused(tmp_path):
    np.savez(tmp_path / "model.npz", numbers=np.arange(3))
    with pytest.raises(ModelFileError, match="checksum"):
        storage.load(tmp_path / "model.npz", _Whole, 4)


@pytest.mark.parametrize("field", ["version", "model.count", "model.parts.1.requantise.shift"])
def test_a_sealed_file_that_lacks_a_field(tmp_path, field):
    path = tmp_path / "model.npz"
    storage.save(path, WHOLE, 4)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files if name not in (field, "checksum")}
    np.savez(path, **arrays, checksum=storage._checksum(arrays))
    with pytest.raises(ModelFileError, match=f"is damaged: it lacks '{field}'"):
        storage.load(path, _Whole, 4)
