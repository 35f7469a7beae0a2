"""Messages to bytes and back, and bytes that are none."""

import json
import struct
from contextlib import suppress

import numpy as np
import pytest

from gatewright.agent.errors import AgentError
from gatewright.agent.wire import Message, pack, unpack

ARRAYS = {
    "float": np.array([[1.5, -np.inf], [np.nan, 0]], np.float32),
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.int8),
    "bool": np.array([True, False]),
    "strided": np.arange(24, dtype=np.uint16).reshape(4, 6)[::2, ::3],
    "big-endian": np.arange(3, dtype=">i4"),
}


def test_all_of_a_message_arrives() -> None:
    fields = {"text": "ü", "number": 2**40, "nothing": None, "list": [1, {"a": 0.5}]}
    found = unpack(pack(fields, ARRAYS))
    assert found.fields == fields
    assert list(found.arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].shape == array.shape
        assert found.arrays[name].dtype == array.dtype.newbyteorder("=")
        assert found.arrays[name].flags.writeable


def _with(head: object, rest: bytes = b"") -> bytes:
    text = json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text + rest


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("<I", 2**32 - 1) + b"{}",
        struct.pack("<I", 2) + b"[]",
        _with([]),
        _with({"fields": {}}),
        _with({"fields": [], "arrays": []}),
        _with({"fields": {}, "arrays": []}, b"more"),
        _with({"fields": {}, "arrays": [["x", "<f4", [2]]]}, bytes(7)),
        _with({"fields": {}, "arrays": [["x", "<f4", [-1]]]}),
        _with({"fields": {}, "arrays": [["x", "<f4", [2**62, 2**62]]]}),
        _with({"fields": {}, "arrays": [["x", "<f4", [1.5]]]}, bytes(6)),
        _with({"fields": {}, "arrays": [["x", "O", [1]]]}, bytes(8)),
        _with({"fields": {}, "arrays": [["x", "no type", [1]]]}, bytes(8)),
        _with({"fields": {}, "arrays": [["x", "<U4", [1]]]}, bytes(16)),
        _with({"fields": {}, "arrays": [["x", "<f4"]]}),
        _with({"fields": {}, "arrays": [["x", "<f4", 3]]}),
        struct.pack("<I", 4) + b"\xff\xfe\xfd\xfc",
        struct.pack("<I", 100_000) + b"[" * 100_000,
    ],
    ids=range(20),
)
def test_what_is_no_message(data: bytes) -> None:
    with pytest.raises(AgentError, match="not a message of gatewright"):
        unpack(data)


@pytest.mark.parametrize(
    "kind",
    ["i4,(", "(2,)i4", "i4,f4", "<i4 ", "=i4", ">i4", "i4", "int32", "<f16", "<c8", "|V4", "<M8[s]", "|S1", 4, None],
)
def test_types_are_those_of_a_list(kind: object) -> None:
    """Numpy reads more, by rules of its own, some of which fail as no caller expects."""
    with pytest.raises(AgentError, match=r"an array is of type .*, allowed: \|b1, \|i1, <i2"):
        unpack(_with({"fields": {}, "arrays": [["x", kind, [1]]]}, bytes(16)))


@pytest.mark.parametrize("shape", [[0, 2**63], [2**63], [True], {"0": 1}, "1", [[1]], None])
def test_shapes_are_lists_of_sizes(shape: object) -> None:
    with pytest.raises(AgentError, match="an array has shape"):
        unpack(_with({"fields": {}, "arrays": [["x", "<i4", shape]]}, bytes(4)))


@pytest.mark.parametrize("array", [np.zeros(2, np.complex64), np.array(["a"]), np.zeros(1, np.longdouble)])
def test_arrays_that_no_message_has(array: np.ndarray) -> None:
    with pytest.raises(AgentError, match=r"array 'x' is of type .*, allowed over a network"):
        pack({}, {"x": array})


def test_damaged_messages_never_do_anything_else(rng: np.random.Generator) -> None:
    whole = np.frombuffer(pack({"sha256": "0" * 64}, {"x": np.arange(20.0)}), np.uint8)
    for _ in range(500):
        damaged = whole.copy()
        damaged[rng.integers(len(whole), size=rng.integers(1, 4))] = rng.integers(0, 256)
        with suppress(AgentError):
            unpack(damaged[: rng.integers(len(whole) + 1)].tobytes())


@pytest.mark.parametrize("value", [None, "3", True, 3.0])
def test_a_field_of_another_type(value: object) -> None:
    with pytest.raises(AgentError, match=r"field 'count' is .*, allowed: int"):
        Message({"count": value}).get("count", int)
