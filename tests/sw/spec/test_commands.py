"""The command set: layout, encoding and the validator's verdicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    COMMAND_WORDS,
    COMMANDS,
    GEMM,
    VECTOR,
    AttentionFlags,
    CommandSpec,
    Field,
    GemmFlags,
    Kind,
    VectorFlags,
    check,
    decode,
    encode,
)
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode, SpecError
from gatewright.spec.registers import ENGINES
from gatewright.spec.vector import Combine, ElementType, Function

TINY = get_config("tiny")
SPECS = list(COMMANDS.values())


def _valid(spec: CommandSpec, **changes: int) -> dict[str, int]:
    def valid(field: Field) -> int:
        if field.kind is Kind.CHOICE:
            return 0
        return field.multiple if field.limit or field.multiple > 1 else min(8, field.range[1])

    return {field.name: valid(field) for field in spec.fields} | changes


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_fields_fit_and_do_not_overlap(spec: CommandSpec) -> None:
    taken = (1 << 16) - 1  # opcode and flags
    for field in spec.fields:
        assert 1 <= field.word < COMMAND_WORDS
        assert field.lsb + field.width <= 32
        bits = ((1 << field.width) - 1) << field.offset
        assert not taken & bits, field.name
        taken |= bits
    assert spec.engine in ENGINES
    assert spec.flags_mask(TINY) < 1 << 8


@given(st.data())
def test_decode_undoes_encode(data: st.DataObject) -> None:
    spec = data.draw(st.sampled_from(SPECS))
    values = {field.name: data.draw(st.integers(*field.range)) for field in spec.fields}
    flags = data.draw(st.integers(0, 255))
    command = decode(encode(spec, flags, **values))
    assert (command.spec, command.flags, command.values) == (spec, flags, values)
    assert all(command[name] == value for name, value in values.items())


def test_the_layout_is_words_in_little_endian_order() -> None:
    raw = encode(GEMM, GemmFlags.PARAMS, **_valid(GEMM, b_addr=0x1234_5678))
    assert raw[:4] == bytes([1, 8, 0, 0])
    assert raw[8:12] == bytes([0x78, 0x56, 0x34, 0x12])


@pytest.mark.parametrize(
    ("flags", "values", "message"),
    [
        (256, {}, r"GEMM: flags 256 is outside 0\.\.255"),
        (0, {"m": 1 << 24}, r"GEMM: m is 16777216, allowed 0\.\.16777215"),
        (0, {"a_addr": -8}, "GEMM: a_addr is -8"),
        (0, {"rows": 1}, "GEMM has no field 'rows', allowed: a_addr"),
    ],
)
def test_what_cannot_be_encoded(flags: int, values: dict[str, int], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        encode(GEMM, flags, **_valid(GEMM, **values))


@pytest.mark.parametrize(("name", "value"), [("a_multiplier", -(1 << 15) - 1), ("b_multiplier", 1 << 15)])
def test_a_signed_field_has_a_signed_range(name: str, value: int) -> None:
    with pytest.raises(SpecError, match=rf"VECTOR: {name} is {value}, allowed -32768\.\.32767"):
        encode(VECTOR, 0, **_valid(VECTOR, **{name: value}))


def test_signed_fields_are_twos_complement_side_by_side() -> None:
    raw = encode(VECTOR, 0, **_valid(VECTOR, a_multiplier=-2, b_multiplier=-(1 << 15)))
    assert raw[44:48] == bytes([0xFE, 0xFF, 0x00, 0x80])
    assert decode(raw)["a_multiplier"] == -2
    assert decode(raw)["b_multiplier"] == -(1 << 15)


def test_a_missing_field() -> None:
    values = _valid(AGGREGATE)
    del values["nnz"]
    with pytest.raises(SpecError, match="AGGREGATE: field 'nnz' is missing"):
        encode(AGGREGATE, 0, **values)


def test_what_cannot_be_decoded() -> None:
    with pytest.raises(SpecError, match="a command is 64 bytes, got 63"):
        decode(bytes(63))
    with pytest.raises(SpecError, match=r"unknown opcode 0, allowed: 1 \(GEMM\), .*, 4 \(VECTOR\)"):
        decode(bytes(64))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_valid_command_passes(spec: CommandSpec) -> None:
    flags = GemmFlags.OUT_INT32 if spec is GEMM else 0
    assert check(encode(spec, flags, **_valid(spec)), TINY) == (ErrorCode.NONE, 0)


CASES = [
    (GEMM, 0, {}, ErrorCode.BAD_FLAGS, 0),
    (GEMM, GemmFlags.PARAMS, {}, ErrorCode.NONE, 0),
    (GEMM, GemmFlags.PARAMS | GemmFlags.OUT_INT16, {}, ErrorCode.NONE, 0),
    (GEMM, GemmFlags.OUT_INT16, {}, ErrorCode.BAD_FLAGS, 0),  # a requantiser needs parameters
    (GEMM, GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.OUT_INT32, {}, ErrorCode.BAD_FLAGS, 0),
    (GEMM, GemmFlags.PARAMS | 64, {}, ErrorCode.BAD_FLAGS, 0),
    (GEMM, 2, {"a_addr": 4}, ErrorCode.UNALIGNED, 1),
    (GEMM, 2, {"c_stride": 4}, ErrorCode.UNALIGNED, 10),
    (GEMM, 2, {"a_addr": 4, "m": 0}, ErrorCode.UNALIGNED, 1),  # the first fault in the order of the fields
    (GEMM, 2, {"m": 0, "c_stride": 4}, ErrorCode.BAD_SHAPE, 5),
    (GEMM, 2, {"k": 512}, ErrorCode.NONE, 0),
    (GEMM, 2, {"k": 513}, ErrorCode.BAD_SHAPE, 7),
    (ATTENTION, AttentionFlags.CAUSAL | AttentionFlags.KEY_MASK, {}, ErrorCode.NONE, 0),
    (ATTENTION, AttentionFlags.OUT_INT16, {}, ErrorCode.NONE, 0),
    (ATTENTION, 8, {}, ErrorCode.BAD_FLAGS, 0),
    (ATTENTION, 0, {"seq_kv": 65}, ErrorCode.BAD_SHAPE, 7),
    (ATTENTION, 0, {"head_dim": 32}, ErrorCode.NONE, 0),
    (ATTENTION, 0, {"head_dim": 40}, ErrorCode.BAD_SHAPE, 8),
    (ATTENTION, 0, {"head_dim": 12}, ErrorCode.BAD_SHAPE, 8),
    (ATTENTION, 0, {"heads": 0}, ErrorCode.BAD_SHAPE, 8),
    (AGGREGATE, 1, {}, ErrorCode.BAD_FLAGS, 0),
    (AGGREGATE, 0, {"nnz": 0}, ErrorCode.NONE, 0),
    (AGGREGATE, 0, {"features": 129}, ErrorCode.BAD_SHAPE, 9),
    (AGGREGATE, 0, {"rows": 0}, ErrorCode.BAD_SHAPE, 6),
    (VECTOR, VectorFlags.B_COLUMN | VectorFlags.PER_COLUMN, {}, ErrorCode.NONE, 0),
    (VECTOR, 4, {}, ErrorCode.BAD_FLAGS, 0),
    (VECTOR, 0, {"a_stride": 0, "b_stride": 0}, ErrorCode.NONE, 0),
    (VECTOR, 0, {"b_stride": 2}, ErrorCode.UNALIGNED, 9),
    (VECTOR, 0, {"table_addr": 4}, ErrorCode.UNALIGNED, 5),
    (VECTOR, 0, {"cols": TINY.max_columns}, ErrorCode.NONE, 0),
    (VECTOR, 0, {"cols": TINY.max_columns + 1}, ErrorCode.BAD_SHAPE, 7),
    (VECTOR, 0, {"rows": 0}, ErrorCode.BAD_SHAPE, 6),
    (VECTOR, 0, {"combine": max(Combine)}, ErrorCode.NONE, 0),
    (VECTOR, 0, {"combine": max(Combine) + 1}, ErrorCode.BAD_FLAGS, 14),
    (VECTOR, 0, {"function": max(Function)}, ErrorCode.NONE, 0),
    *((VECTOR, 0, {"function": value}, ErrorCode.BAD_FLAGS, 14) for value in range(max(Function) + 1, 8)),
    *((VECTOR, 0, {f"{operand}_type": kind}, ErrorCode.NONE, 0) for operand in "aby" for kind in ElementType),
]


@pytest.mark.parametrize(("spec", "flags", "changes", "code", "detail"), CASES)
def test_verdicts(spec: CommandSpec, flags: int, changes: dict[str, int], code: ErrorCode, detail: int) -> None:
    assert check(encode(spec, int(flags), **_valid(spec, **changes)), TINY) == (code, detail)


def test_an_unknown_opcode() -> None:
    assert check(bytes([99]) + bytes(63), TINY) == (ErrorCode.BAD_OPCODE, 0)
