"""Nested dataclasses to JSON and back, checked by their type annotations. Arrays and byte strings go beside the JSON.

A dataclass becomes an object with its name as "@type", a tuple a list, NaN becomes null, and
an array or a byte string the index of a blob.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from gatewright.program.errors import DamagedProgram

__all__ = ["pack", "unpack"]

_TYPE = "@type"
_ARRAYS = (np.ndarray, npt.NDArray)  # what an annotation of an array comes from: from numpy 2.5 on, NDArray itself


def pack(value: Any, blobs: list[bytes | memoryview]) -> Any:
    """``value`` as what :mod:`json` writes; its arrays (uint8) and byte strings are appended to ``blobs``."""
    if is_dataclass(value):
        return {_TYPE: type(value).__name__} | {f.name: pack(getattr(value, f.name), blobs) for f in fields(value)}
    if isinstance(value, np.ndarray):
        blobs.append(np.ascontiguousarray(value, np.uint8).data)
        return len(blobs) - 1
    if isinstance(value, bytes):
        blobs.append(value)
        return len(blobs) - 1
    if isinstance(value, dict):
        return {name: pack(entry, blobs) for name, entry in value.items()}
    if isinstance(value, tuple | list):
        return [pack(entry, blobs) for entry in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and value != value else value


def unpack(kind: Any, value: Any, path: str, blobs: Sequence[memoryview]) -> Any:
    """The value of type ``kind`` at ``path`` of the header; raises :class:`DamagedProgram` naming what does not fit."""
    origin = get_origin(kind)
    if origin is types.UnionType:
        kind = _choice(kind, value, path)
    if is_dataclass(kind):
        return _object(kind, value, path, blobs)
    if origin is tuple:
        return _tuple(get_args(kind), _typed(value, list, path), path, blobs)
    if origin is dict:
        entry = get_args(kind)[1]
        return {k: unpack(entry, v, f"{path}.{k}", blobs) for k, v in _typed(value, dict, path).items()}
    if origin in _ARRAYS:
        return np.frombuffer(_blob(value, path, blobs), np.uint8)
    if kind is bytes:
        return bytes(_blob(value, path, blobs))
    if kind is float:
        return float("nan") if value is None else _real(_typed(value, (int, float), path), path)
    return _typed(value, kind, path)


def _typed(value: Any, kind: Any, path: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        allowed = " or ".join(entry.__name__ for entry in (kind if isinstance(kind, tuple) else (kind,)))
        raise DamagedProgram(f"header field {path} is a {type(value).__name__}, allowed: {allowed}")
    return value


def _real(value: int | float, path: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise DamagedProgram(f"header field {path} is a number of more than 308 digits") from None


def _choice(kind: Any, value: Any, path: str) -> Any:
    """The member of a union that ``value`` is of."""
    options = {option.__name__: option for option in get_args(kind)}
    name = str(value.get(_TYPE)) if isinstance(value, dict) else type(value).__name__
    if name not in options:
        raise DamagedProgram(f"header field {path} is a {name}, allowed: {', '.join(options)}")
    return options[name]


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _object(kind: Any, value: Any, path: str, blobs: Sequence[memoryview]) -> Any:
    hints = _hints(kind)
    found, wanted = set(_typed(value, dict, path)) - {_TYPE}, set(hints)
    for names, what in ((wanted - found, "lacks"), (found - wanted, "has an unknown field")):
        if names:
            raise DamagedProgram(f"header field {path} {what} {min(names)!r}, allowed: {', '.join(sorted(wanted))}")
    return kind(**{name: unpack(hint, value[name], f"{path}.{name}", blobs) for name, hint in hints.items()})


def _tuple(kinds: tuple[Any, ...], values: list[Any], path: str, blobs: Sequence[memoryview]) -> tuple[Any, ...]:
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(values)
    if len(kinds) != len(values):
        raise DamagedProgram(f"header field {path} has {len(values)} entries, allowed: {len(kinds)}")
    entries = enumerate(zip(kinds, values, strict=True))
    return tuple(unpack(kind, value, f"{path}[{index}]", blobs) for index, (kind, value) in entries)


def _blob(value: Any, path: str, blobs: Sequence[memoryview]) -> memoryview:
    index: int = _typed(value, int, path)
    if not 0 <= index < len(blobs):
        raise DamagedProgram(f"header field {path} is blob {index}, allowed 0..{len(blobs) - 1}")
    return blobs[index]
