"""Nested frozen dataclasses of arrays in one ``.npz`` file, with a version and a checksum.

A field's path is its name in the file (``encoder.layers.0.inner.weight``). Arrays keep their type; numbers are stored
as arrays without dimensions, a text as its UTF-8 bytes, and a tuple as its length and its elements (of texts: as one
JSON text).
"""

import hashlib
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import numpy as np

from gatewright.files import read_npz, reason, written_whole
from gatewright.recommender.errors import ModelFileError

__all__ = ["load", "save"]

T = TypeVar("T")
_VERSION, _CHECKSUM = "version", "checksum"


def save(path: Path, value: Any, version: int) -> None:
    """Write a dataclass to ``path``, whole or not at all. Raises `ModelFileError`."""
    arrays: dict[str, np.ndarray] = {}
    _pack(value, "model", arrays)
    arrays[_VERSION] = np.array(version)
    try:
        with written_whole(path) as file:
            np.savez(file, **arrays, **{_CHECKSUM: _checksum(arrays)})
    except OSError as error:
        raise ModelFileError(f"model file {path} cannot be written: {reason(error)}") from error


def load(path: Path, kind: type[T], version: int) -> T:
    """The dataclass of type ``kind`` at ``path``; raises `ModelFileError`."""
    if not path.is_file():
        raise ModelFileError(f"model file {path} does not exist")
    try:
        arrays = read_npz(path)
    except (ValueError, OSError) as error:
        raise ModelFileError(f"model file {path} is damaged: {error}") from error
    checksum = arrays.pop(_CHECKSUM, None)
    if checksum is None or checksum.shape != (32,) or not np.array_equal(checksum, _checksum(arrays)):
        raise ModelFileError(f"model file {path} is damaged: its checksum does not match its contents")
    try:
        found = int(arrays[_VERSION])
        if found != version:
            raise ModelFileError(f"model file {path} has format version {found}, this release reads version {version}")
        return _unpack(kind, "model", arrays)
    except KeyError as error:
        raise ModelFileError(f"model file {path} is damaged: it lacks {error}") from error


def _checksum(arrays: dict[str, np.ndarray]) -> np.ndarray:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return np.frombuffer(digest.digest(), np.uint8)


def _pack(value: Any, name: str, arrays: dict[str, np.ndarray]) -> None:
    if is_dataclass(value):
        for field in fields(value):
            _pack(getattr(value, field.name), f"{name}.{field.name}", arrays)
    elif isinstance(value, tuple) and all(isinstance(entry, str) for entry in value):
        _pack(json.dumps(value), name, arrays)
    elif isinstance(value, tuple):
        arrays[name] = np.array(len(value))
        for index, entry in enumerate(value):
            _pack(entry, f"{name}.{index}", arrays)
    elif isinstance(value, str):
        arrays[name] = np.frombuffer(value.encode(), np.uint8)
    else:
        arrays[name] = np.asarray(value)


def _unpack(kind: Any, name: str, arrays: dict[str, np.ndarray]) -> Any:
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{f.name: _unpack(hints[f.name], f"{name}.{f.name}", arrays) for f in fields(kind)})
    if get_origin(kind) is tuple:
        element = get_args(kind)[0]
        if element is str:
            return tuple(json.loads(_unpack(str, name, arrays)))
        return tuple(_unpack(element, f"{name}.{index}", arrays) for index in range(int(arrays[name])))
    if kind is str:
        return arrays[name].tobytes().decode()
    return kind(arrays[name][()]) if kind in (bool, int, float) else arrays[name]
