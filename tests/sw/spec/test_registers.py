"""The register map: no overlap, names that are known, constants that tell the configuration."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pytest

from gatewright.spec.config import CONFIGS, AcceleratorConfig
from gatewright.spec.errors import SpecError
from gatewright.spec.registers import ENGINES, REGISTER_BYTES, REGISTERS, Register, constants, register


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
