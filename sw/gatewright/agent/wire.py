"""Messages: a JSON object and arrays behind it, as bytes. Neither end runs what the other sends.

A message is the length of the JSON text (uint32, little-endian), the text, and the arrays' bytes one after the other.
The text is ``{"fields": {...}, "arrays": [[name, dtype, shape], ...]}``.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.agent.errors import AgentError

__all__ = ["Message", "pack", "unpack"]

_LENGTH = struct.Struct("<I")
_NAMES = ("|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")
_TYPES = {name: np.dtype(name) for name in _NAMES}
"""What arrays may be of, as it is written: those that every machine has alike. Nothing else is given to numpy to read,
whose language for types is a large one."""

_LARGEST = 2**31 - 1
"""Size of a dimension; numpy fails in other ways at larger ones."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Message:
    """Named values of JSON, and named arrays of truth values, integers or floats."""

    fields: dict[str, Any]
    arrays: dict[str, Array] = field(default_factory=dict)

    def get(self, name: str, kind: type[Any]) -> Any:
        """A field of a type. Raises :class:`AgentError`."""
        value = self.fields.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise AgentError(f"message: field {name!r} is {value!r:.60}, allowed: {kind.__name__}")
        return value


def pack(fields: Mapping[str, Any], arrays: Mapping[str, Array] | None = None) -> bytes:
    """A message as bytes. Raises :class:`AgentError` for arrays of types that no message has."""
    arrays = {name: np.ascontiguousarray(array).reshape(np.shape(array)) for name, array in (arrays or {}).items()}
    listed = [[name, array.dtype.newbyteorder("<").str, array.shape] for name, array in arrays.items()]
    for name, kind, _ in listed:
        if kind not in _TYPES:
            raise AgentError(f"array {name!r} is of type {kind}, allowed over a network: {', '.join(_TYPES)}")
    text = json.dumps({"fields": fields, "arrays": listed}).encode()
    parts = (array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays.values())
    return b"".join((_LENGTH.pack(len(text)), text, *parts))


def unpack(data: bytes) -> Message:
    """The message; its arrays are copies. Raises :class:`AgentError` where the bytes are none."""
    try:
        (length,) = _LENGTH.unpack_from(data)
        start = _LENGTH.size + length
        if start > len(data):
            raise ValueError(f"its text has {length:,} bytes, {len(data):,} came")
        head = json.loads(data[_LENGTH.size : start])
        fields, listed = head["fields"], head["arrays"]
        if not isinstance(fields, dict):
            raise TypeError("fields is no object")
        arrays: dict[str, Array] = {}
        for name, kind, shape in listed:
            arrays[str(name)], start = _array(data, start, kind, shape)
        if start != len(data):
            raise ValueError(f"{len(data) - start:,} bytes too many")
    except (struct.error, ValueError, TypeError, KeyError, RecursionError) as error:
        raise AgentError(f"not a message of gatewright: {error}") from None
    return Message(fields, arrays)


def _array(data: bytes, start: int, kind: Any, shape: Any) -> tuple[Array, int]:
    """One array, and where the next begins."""
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"an array is of type {kind!r:.40}, allowed: {', '.join(_TYPES)}")
    dtype = _TYPES[kind]
    if not isinstance(shape, list) or not all(type(size) is int and 0 <= size <= _LARGEST for size in shape):
        raise ValueError(f"an array has shape {shape!r:.60}, allowed: sizes from 0 to {_LARGEST}")
    end = start + math.prod(shape) * dtype.itemsize
    if end > len(data):
        raise ValueError(f"an array ends at byte {end:,} of {len(data):,}")
    array = np.frombuffer(data[start:end], dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=True), end
