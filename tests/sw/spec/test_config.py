"""Configurations: what no accelerator has, and what the hash covers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gatewright.spec.config import CONFIGS, get_config
from gatewright.spec.errors import SpecError

TINY = get_config("tiny")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"array_rows": 3}, r"array_rows is 3, allowed: a power of two in 2\.\.32"),
        ({"array_cols": 64}, "array_cols is 64"),
        ({"max_columns": 8192}, r"max_columns is 8192, allowed: a power of two in 64\.\.4096"),
        ({"vector_lanes": 8}, r"vector_lanes is 8, allowed: a power of two in 2\.\.4"),
        ({"vector_lanes": 1}, r"vector_lanes is 1, allowed"),
        ({"lanes": 16}, r"lanes is 16, allowed: a power of two in 2\.\.8"),
        ({"aggregate_lanes": 3}, r"aggregate_lanes is 3, allowed: a power of two in 2\.\.16"),
        ({"aggregate_lanes": 32}, r"aggregate_lanes is 32, allowed: a power of two in 2\.\.16"),
        ({"read_ports": 1}, r"aggregate_lanes is 16, allowed: a power of two in 2\.\.8"),
        ({"kept_words": 8}, r"kept_words is 8, allowed: 0, a power of two in 16\.\.65536"),
        ({"kept_words": 48}, r"kept_words is 48, allowed: 0, a power of two in 16\.\.65536"),
        ({"kept_words": 1 << 17}, r"kept_words is 131072, allowed 0\.\.65536"),
        ({"kept_words": -1}, r"kept_words is -1, allowed 0\.\.65536"),
        ({"kept_words": 256, "aggregate_lanes": 8}, r"kept_words is 256, allowed 0\.\.0"),
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
    assert set(CONFIGS) == {"tiny", "zybo-z7-10", "pynq-z2"}
    assert get_config("pynq-z2").macs_per_cycle == 256
    assert get_config("zybo-z7-10").macs_per_cycle == 32
    assert TINY.gemm_max_k == 512
    with pytest.raises(SpecError, match="unknown config 'x', allowed: pynq-z2, tiny, zybo-z7-10"):
        get_config("x")


def test_the_hash_covers_the_hardware_and_nothing_else() -> None:
    assert replace(TINY, name="other", part="xc7z045", clock_mhz=50.0).hash == TINY.hash
    assert len({config.hash for config in CONFIGS.values()}) == len(CONFIGS)
    assert TINY.hash_text == f"{TINY.hash:016x}"


@pytest.mark.parametrize(
    "change",
    [
        {"lanes": 2},
        {"vector_lanes": 2},
        {"aggregate_lanes": 4, "kept_words": 0},
        {"kept_words": 512},
        {"a_depth": 256},
        {"max_head_dim": 24},
        {"outstanding": 16},
    ],
    ids=str,
)
def test_other_hardware_has_another_hash(change: dict[str, int]) -> None:
    assert replace(TINY, **change).hash != TINY.hash
