"""Configurations, memory models, registers and rooflines."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

import pytest

from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    GEMM,
    VECTOR,
    AttentionFlags,
    CommandSpec,
    DecodedCommand,
    GemmFlags,
    VectorFlags,
    decode,
    encode,
)
from gatewright.spec.config import CONFIGS, AcceleratorConfig, get_config
from gatewright.spec.errors import SpecError
from gatewright.spec.memory import MemoryModel
from gatewright.spec.registers import ENGINES, REGISTER_BYTES, REGISTERS, Register, constants, register
from gatewright.spec.roofline import roofline
from gatewright.spec.vector import Combine, ElementType, Function

TINY = get_config("tiny")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"array_rows": 3}, r"array_rows is 3, allowed: a power of two in 2\.\.32"),
        ({"array_cols": 64}, "array_cols is 64"),
        ({"max_columns": 8192}, r"max_columns is 8192, allowed: a power of two in 64\.\.4096"),
        ({"lanes": 16}, r"lanes is 16, allowed: a power of two in 2\.\.8"),
        ({"a_depth": 64.0}, r"a_depth is 64\.0"),
        ({"max_head_dim": 12}, r"max_head_dim is 12, allowed: a multiple of 8 in 8\.\.256"),
        ({"clock_mhz": 0.0}, r"clock_mhz is 0\.0, allowed 1\.\.1000"),
        ({"array_cols": 4, "lanes": 2}, r"array_cols is 4, allowed: a power of two in 8\.\.32"),
        ({"array_cols": 16, "lanes": 16}, r"lanes is 16, allowed: a power of two in 2\.\.8"),
        ({"array_rows": 2, "lanes": 8}, r"array_rows \* array_cols / lanes is 2, allowed at least 8"),
        ({"array_cols": 32, "max_seq": 16}, r"max_seq is 16, allowed: a power of two in 32\.\.4096"),
        (
            {"a_depth": 32, "b_depth": 512, "max_seq": 128},
            r"Q and the softmax of a tile take 24 words .* at most a_depth / 2 = 16",
        ),
        ({"max_seq": 512, "a_depth": 256}, r"K and V of one head take 512 words .* at most b_depth / 2 = 128"),
    ],
)
def test_sizes_that_no_accelerator_has(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"config 'tiny': .*{message}|config 'tiny': {message}"):
        replace(TINY, **change)


def test_shipped_configurations() -> None:
    assert set(CONFIGS) == {"tiny", "pynq-z2"}
    assert get_config("pynq-z2").macs_per_cycle == 128
    assert TINY.gemm_max_k == 512
    with pytest.raises(SpecError, match="unknown config 'x', allowed: pynq-z2, tiny"):
        get_config("x")


def test_the_hash_covers_the_hardware_and_nothing_else() -> None:
    assert replace(TINY, name="other", part="xc7z045", clock_mhz=50.0).hash == TINY.hash
    assert len({config.hash for config in CONFIGS.values()}) == len(CONFIGS)
    assert TINY.hash_text == f"{TINY.hash:016x}"


@pytest.mark.parametrize("change", [{"lanes": 2}, {"a_depth": 256}, {"max_head_dim": 24}, {"outstanding": 16}], ids=str)
def test_other_hardware_has_another_hash(change: dict[str, int]) -> None:
    assert replace(TINY, **change).hash != TINY.hash


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"read_latency": 0}, r"read_latency is 0, allowed 1\.\.10000"),
        ({"write_latency": 10_001}, "write_latency is 10001"),
        ({"dram_bytes_per_cycle": 0.0}, r"dram_bytes_per_cycle is 0\.0"),
        ({"outstanding_reads": 65}, r"outstanding_reads is 65, allowed 1\.\.64"),
        ({"outstanding_writes": 0}, "outstanding_writes is 0"),
    ],
)
def test_memory_models_out_of_range(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=f"memory model: {message}"):
        MemoryModel(**change)


@pytest.mark.parametrize(
    ("model", "read", "written", "cycles"),
    [
        (MemoryModel(), 80, 8, 10),
        (MemoryModel(), 8, 81, 11),
        (MemoryModel(dram_bytes_per_cycle=4), 80, 40, 30),
    ],
)
def test_bytes_take_cycles(model: MemoryModel, read: int, written: int, cycles: int) -> None:
    assert model.min_cycles(read, written) == cycles


def test_registers_do_not_overlap() -> None:
    offsets = [entry.offset for entry in REGISTERS]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 and offset < REGISTER_BYTES for offset in offsets)


@pytest.mark.parametrize("entry", REGISTERS, ids=lambda entry: entry.name)
def test_fields_of_a_register_do_not_overlap(entry: Register) -> None:
    masks = [((1 << field.width) - 1) << field.lsb for field in entry.fields]
    assert sum(masks) == reduce(or_, masks, 0) < 1 << 32
    assert all(entry.extract(0xFFFF_FFFF, field.name) == (1 << field.width) - 1 for field in entry.fields)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_has_counters(engine: str) -> None:
    assert register(f"CYCLES_{engine.upper()}").offset != register(f"COMMANDS_{engine.upper()}").offset


def test_unknown_registers_and_fields() -> None:
    with pytest.raises(SpecError, match="no register 'FOO', allowed: ID, VERSION"):
        register("FOO")
    with pytest.raises(SpecError, match="register STATUS has no field 'foo'"):
        register("STATUS").field("foo")


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_constants_tell_the_configuration(config: AcceleratorConfig) -> None:
    values = constants(config)
    assert values["ID"].to_bytes(4, "big") == b"GWRT"
    assert values["CONFIG_HASH_HI"] << 32 | values["CONFIG_HASH_LO"] == config.hash
    assert all(0 <= value < 1 << 32 for value in values.values())


@pytest.mark.parametrize(
    ("name", "field", "attribute"),
    [
        ("CAP_ARRAY", "rows", "array_rows"),
        ("CAP_ARRAY", "lanes", "lanes"),
        ("CAP_BUFFERS", "b_depth", "b_depth"),
        ("CAP_ATTENTION", "max_head_dim", "max_head_dim"),
        ("CAP_AGGREGATE", "max_features", "max_features"),
        ("CAP_VECTOR", "max_columns", "max_columns"),
    ],
)
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_the_constants_tell_sizes(config: AcceleratorConfig, name: str, field: str, attribute: str) -> None:
    assert register(name).extract(constants(config)[name], field) == getattr(config, attribute)


def _command(spec: CommandSpec, flags: int, **values: int) -> DecodedCommand:
    return decode(encode(spec, flags, **({field.name: 0 for field in spec.fields} | values)))


def _vector(flags: int = 0, **values: int) -> DecodedCommand:
    return _command(VECTOR, flags, **{"rows": 3, "cols": 5, "a_stride": 8, "b_stride": 8} | values)


def _pairs(queries: int, keys: int) -> int:
    return sum(j <= i + keys - queries for i in range(queries) for j in range(keys))


@pytest.mark.parametrize(
    ("command", "macs", "read", "written"),
    [
        (_command(GEMM, GemmFlags.OUT_INT32, m=3, n=5, k=7), 105, 21 + 35, 60),
        (_command(GEMM, GemmFlags.PARAMS, m=3, n=5, k=7), 105, 21 + 35 + 40, 15),
        (_command(ATTENTION, 0, seq_q=3, seq_kv=10, heads=2, head_dim=8), 2 * 30 * 16, 23 * 16, 48),
        (_command(ATTENTION, AttentionFlags.KEY_MASK, seq_q=3, seq_kv=10, heads=2, head_dim=8), 960, 23 * 16 + 2, 48),
        *(
            (
                _command(ATTENTION, AttentionFlags.CAUSAL, seq_q=queries, seq_kv=keys, heads=1, head_dim=8),
                16 * _pairs(queries, keys),
                8 * (queries + 2 * keys),
                8 * queries,
            )
            for queries, keys in ((1, 1), (4, 4), (3, 10), (10, 3))
        ),
        (_command(AGGREGATE, 0, rows=4, cols=9, nnz=6, features=10), 60, 20 + 6 * 16, 40),
        (_command(GEMM, GemmFlags.PARAMS | GemmFlags.OUT_INT16, m=3, n=5, k=7), 105, 21 + 35 + 40, 30),
        (_command(ATTENTION, AttentionFlags.OUT_INT16, seq_q=3, seq_kv=10, heads=2, head_dim=8), 960, 23 * 16, 96),
        (_vector(a_type=ElementType.INT16, y_type=ElementType.INT8), 15, 30 + 8, 15),
        (_vector(a_stride=0, a_type=ElementType.INT32, y_type=ElementType.INT16), 15, 20 + 8, 30),
        (_vector(VectorFlags.PER_COLUMN, function=Function.TABLE, y_type=ElementType.INT32), 15, 15 + 40 + 2048, 60),
        (_vector(combine=Combine.ADD, b_type=ElementType.INT16), 15, 15 + 30 + 8, 15),
        (_vector(combine=Combine.ADD, b_type=ElementType.INT16, b_stride=0), 15, 15 + 10 + 8, 15),
        (_vector(VectorFlags.B_COLUMN, combine=Combine.MULTIPLY, b_type=ElementType.INT16), 15, 15 + 6 + 8, 15),
        (_vector(VectorFlags.B_COLUMN, combine=Combine.MULTIPLY, b_stride=0), 15, 15 + 1 + 8, 15),
    ],
)
def test_roofline(command: DecodedCommand, macs: int, read: int, written: int) -> None:
    bounds = roofline(command, TINY)
    assert (bounds.macs, bounds.read_bytes, bounds.written_bytes) == (macs, read, written)
    rate = {AGGREGATE: 8, VECTOR: 4}.get(command.spec, TINY.macs_per_cycle)
    assert bounds.min_cycles_compute == -(-macs // rate)
    assert bounds.min_cycles_memory == MemoryModel().min_cycles(read, written)
    assert bounds.min_cycles == max(bounds.min_cycles_compute, bounds.min_cycles_memory)
    slow = roofline(command, TINY, MemoryModel(dram_bytes_per_cycle=1.0))
    assert slow.min_cycles_memory == read + written
