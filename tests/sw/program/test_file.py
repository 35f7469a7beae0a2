"""Program files: what is saved comes back, and nothing but that."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gatewright.program import DamagedProgram, ProgramError, UnsupportedProgram, load_program, save_program
from gatewright.program.compiled import FORMAT_VERSION, CompiledProgram, Layer
from gatewright.program.file import MAGIC

PREFIX = 24
"""Bytes before the digest."""
HEADER = PREFIX + 32


@pytest.fixture(params=["linear", "with_host_step", "attention", "aggregate"])
def program(request: pytest.FixtureRequest, programs: Any) -> CompiledProgram:
    return getattr(programs, request.param)()


@pytest.fixture(scope="module")
def file(programs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "hosted.gwp"
    save_program(programs.with_host_step(), path)
    return path


def _same(one: CompiledProgram, other: CompiledProgram) -> bool:
    """Equality of all but the image, which is compared by its bytes."""
    empty = np.zeros(0, np.uint8)
    return np.array_equal(one.image, other.image) and repr(replace(one, image=empty)) == repr(
        replace(other, image=empty)
    )


def test_what_is_saved_comes_back(program: CompiledProgram, tmp_path: Path) -> None:
    path = tmp_path / "a.gwp"
    save_program(program, path)
    assert _same(load_program(path), program)
    assert load_program(str(path)).image.dtype == np.uint8
    first = path.read_bytes()
    save_program(load_program(path), path)
    assert path.read_bytes() == first  # the same program is the same file
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gwp"]


def test_variants_have_errors_of_their_own(programs: Any, tmp_path: Path) -> None:
    """Outputs of variants are the same but for the error that was measured, or was not."""
    made = programs.attention()
    first, second = made.variants
    outputs = tuple(replace(value, error=0.25) for value in second.outputs)
    made = replace(made, variants=(first, replace(second, outputs=outputs)))
    save_program(made, tmp_path / "a.gwp")
    back = load_program(tmp_path / "a.gwp")
    assert [str(variant.outputs[0].error) for variant in back.variants] == ["nan", "0.25"]


def test_numbers_keep_their_value(programs: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    made = programs.linear()
    variant = made.variants[0]
    step = variant.steps[0]
    scales = tuple(rng.random(24))
    odd = replace(
        step,
        inputs=(replace(step.inputs[0], scale=scales, zero_point=-3),),  # numpy's floats, as a compiler may leave them
        layers=(Layer("a", "B", 0, 1), Layer("ä", "B", 0, 1, 1e-300)),
    )
    made = replace(made, variants=(replace(variant, steps=(odd,)),), config_hash=2**64 - 1)
    save_program(made, tmp_path / "a.gwp")
    back = load_program(tmp_path / "a.gwp")
    found = back.variants[0].steps[0]
    assert found.inputs[0].scale == scales
    assert np.isnan(found.layers[0].error)
    assert repr(found.layers) == repr(odd.layers)  # NaN is equal to nothing
    assert back.config_hash == 2**64 - 1


def _refused(path: Path, data: bytes, error: type[Exception], message: str) -> None:
    bad = path.with_name("bad.gwp")
    bad.write_bytes(data)
    with pytest.raises(error, match=message) as caught:
        load_program(bad)
    assert "bad.gwp" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("index", range(HEADER + 8))
def test_every_flipped_byte_is_refused(index: int, file: Path) -> None:
    data = file.read_bytes()
    _refused(file, data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :], ProgramError, "bad")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_flipped_byte_is_refused(file: Path, position: float, flip: int) -> None:
    data = bytearray(file.read_bytes())
    data[int(position * len(data))] ^= flip
    _refused(file, bytes(data), ProgramError, "bad")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.floats(0, 1, exclude_max=True))
def test_any_truncation_is_refused(file: Path, position: float) -> None:
    data = file.read_bytes()
    size = int(position * len(data))
    _refused(file, data[:size], DamagedProgram, "truncated" if size else "not a program file")


def test_each_reason_has_its_own_words(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    for path, message in ((tmp_path / "none.gwp", "does not exist"), (tmp_path, "cannot be read: Is a directory")):
        with pytest.raises(ProgramError, match=message):
            load_program(path)
    _refused(file, b"ELF" * 99, DamagedProgram, "not a program file")
    _refused(file, data + b"\0", DamagedProgram, r"damaged: [\d,]+ bytes, it was written with")
    _refused(file, data[:-1] + bytes([data[-1] ^ 1]), DamagedProgram, "damaged: its checksum does not match")
    future = data[:8] + struct.pack("<I", FORMAT_VERSION + 1) + data[12:]
    _refused(file, future, UnsupportedProgram, f"format version {FORMAT_VERSION + 1}, this release reads version")


def _rewritten(data: bytes, change: Any) -> bytes:
    """The file with another header, sealed again: what a faulty writer might make."""
    size = struct.unpack_from("<I", data, 12)[0]
    header = json.loads(data[HEADER : HEADER + size])
    text = change(header) if callable(change) else change
    text = text if isinstance(text, bytes) else json.dumps(header).encode()
    rest = data[HEADER + size :]
    prefix = struct.pack("<8sIIQ", MAGIC, FORMAT_VERSION, len(text), HEADER + len(text) + len(rest))
    return prefix + sha256(prefix + text + rest).digest() + text + rest


def _set(*path: Any) -> Any:
    """Changes the header's field at ``path[:-1]`` to ``path[-1]``."""

    def change(header: dict[str, Any]) -> None:
        *keys, last, value = path
        entry = header["program"]
        for key in keys:
            entry = entry[key]
        entry[last] = value

    return change


STEP = ("variants", 0, "steps", 0)
INPUT = (*STEP, "inputs", 0)
MALFORMED: dict[str, tuple[Any, str]] = {
    "no json": (b"{", "the header is not JSON"),
    "no object": (b"[]", "the header is a list"),
    "deep": (b"[" * 200_000, "the header is not JSON"),
    "nothing": (b"{}", "header field blobs is a NoneType"),
    "blobs too long": (lambda h: h.update(blobs=[10**9]), "blobs do not fit the file"),
    "blobs negative": (lambda h: h.update(blobs=[-1, 1]), "blobs do not fit the file"),
    "no name": (lambda h: h["program"].pop("name") and None, "program lacks 'name'"),
    "unknown field": (_set("extra", 1), "program has an unknown field 'extra'"),
    "name": (_set("name", 3), "program.name is a int, allowed: str"),
    "count of text": (_set(*STEP, "count", "1"), r"steps\[0\].count is a str, allowed: int"),
    "count of truth": (_set(*STEP, "count", True), r"steps\[0\].count is a bool, allowed: int"),
    "step of no kind": (_set(*STEP, {}), r"steps\[0\] is a None, allowed: FabricStep, HostStep"),
    "image blob": (_set("image", 9), r"program.image is blob 9, allowed 0\.\.1"),
    "version of three": (_set("spec_version", [1, 1, 1]), "spec_version has 3 entries, allowed: 2"),
    "newer contract": (_set("spec_version", [1, 99]), r"contract version 1\.99, this release speaks 1\.0 to"),
    "other contract": (_set("spec_version", [7, 0]), r"contract version 7\.0"),
    "too many commands": (_set(*STEP, "count", 10**6), r"steps\[0\].count is 1000000, allowed 1\.\."),
    "offset": (_set(*STEP, "offset", 8), r"steps\[0\].offset is 8, allowed: multiples of 64"),
    "beyond the memory": (_set(*INPUT, "offset", 2**31), r"x.offset is 2147483648, allowed \d+\.\."),
    "rows": (_set(*INPUT, "rows", 5), r"x.shape has 96 elements, allowed: rows times cols, 5 x 24"),
    "stride": (_set(*INPUT, "stride", 16), r"x.stride is 16, allowed 24\.\."),
    "stride of 25": (_set(*INPUT, "stride", 25), "x.stride is 25, allowed: multiples of 8"),
    "element": (_set(*INPUT, "element", "int64"), "x.element is 'int64', allowed: int8, "),
    "dtype": (_set(*INPUT, "dtype", "O"), "x.dtype is 'O', allowed"),
    "dtype of nothing": (_set(*INPUT, "dtype", "tensor"), "x.dtype is 'tensor', allowed"),
    "scale": (_set(*INPUT, "scale", [1.0, 2.0]), "x.scale has 2 entries, allowed: none, 1 or 24"),
    "scale of zero": (_set(*INPUT, "scale", [0.0]), "x.scale has 1 entries, .* above 0"),
    "fill": (_set(*INPUT, "fill", None), "x.fill is nan, allowed: finite"),
    "dimension": (_set(*INPUT, "shape", ["n", 24]), "x.shape is 'n', allowed: none"),
    "unknown input": (_set(*INPUT, "name", "z"), r"steps\[0\].inputs is 'z', allowed: x"),
    "output of no step": (_set("variants", 0, "steps", []), r"outputs is 'y', allowed: x"),
    "layer": (_set(*STEP, "layers", 0, "count", 2), r"count of 'fc1' is 2, allowed 0\.\.1"),
    "reasons": (_set("variants", 0, "steps", 1, "reasons", []), "reasons has 0 entries, allowed: one per node, 1"),
    "no commands there": (_set(*STEP, "offset", 64 * 200), "command 0 has the unknown opcode 0"),
    "patch": (
        _set(*STEP, "patches", [{"@type": "Patch", "command": 0, "field": "m", "dim": "n", "addend": 0}]),
        "dim is 'n', allowed: none",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_a_sealed_file_with_a_bad_header(case: str, file: Path) -> None:
    change, message = MALFORMED[case]
    _refused(file, _rewritten(file.read_bytes(), change), ProgramError, message)


def test_a_file_appears_whole_or_not_at_all(programs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.gwp"
    save_program(programs.linear(), path)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ProgramError, match=r"a\.gwp cannot be written: No space left"):
        save_program(programs.linear(2), path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gwp"]
    with pytest.raises(ProgramError, match="cannot be written: No such file"):
        save_program(programs.linear(), tmp_path / "none" / "a.gwp")
