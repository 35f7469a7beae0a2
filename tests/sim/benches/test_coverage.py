"""Functional coverage: how samples are classed and counted, and that the benches leave no bin empty."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from gatewright.spec.commands import AGGREGATE, GEMM, GemmFlags, Opcode, decode, encode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.benches.coverage.collect import Counts, holes, merged, note, table
from gatewright_sim.benches.coverage.crosses import CROSSES
from gatewright_sim.benches.coverage.measure import measure
from gatewright_sim.benches.coverage.points import ALONE, HELD, LATENCY, Sample, flags, size
from gatewright_sim.benches.harness.pauses import ALONE as EACH_ALONE
from gatewright_sim.benches.harness.pauses import CHANNELS, FREE, LATE, Stalls

TINY = get_config("tiny")


def sample(stalls: Stalls = FREE, flags: int = GemmFlags.PARAMS, **sizes: int) -> Sample:
    values = {field.name: 8 for field in GEMM.fields if not field.with_flag} | sizes
    return Sample(decode(encode(GEMM, flags, **values)), TINY, stalls, ErrorCode.NONE)


@pytest.mark.parametrize(
    ("rows", "bin_"), [(1, "1"), (3, "step - 1"), (4, "step"), (5, "step + 1"), (2, "other"), (6, "other")]
)
def test_sizes_are_classed_about_a_step(rows: int, bin_: str) -> None:
    assert size("m", lambda config: config.array_rows, None).of(sample(m=rows)) == bin_


def test_the_largest_size_is_a_class_of_its_own() -> None:
    point = size("k", lambda _: 8, lambda config: config.gemm_max_k)
    assert [point.of(sample(k=k)) for k in (TINY.gemm_max_k, TINY.gemm_max_k - 1)] == ["most", "other"]
    assert "most" not in size("m", lambda _: 8, None).bins


def test_flags_are_all_that_a_command_may_have() -> None:
    point = flags(GEMM, TINY, GemmFlags.EPILOGUE)
    assert "B_KN+PARAMS" in point.bins
    assert "no flag" not in point.bins
    assert not any("OUT_INT32" in name and "OUT_INT16" in name for name in point.bins)
    assert not any("PER_COLUMN" in name for name in point.bins)
    assert flags(AGGREGATE, TINY).bins == ("no flag",)
    assert point.of(sample(flags=GemmFlags.OUT_INT32 | GemmFlags.A_RESIDENT)) == "OUT_INT32+A_RESIDENT"


@pytest.mark.parametrize(
    ("stalls", "held", "alone", "latency"),
    [
        (FREE, "free", None, "none"),
        (LATE, "free", None, "long"),
        (replace(Stalls.both(0.1, 2), latency=3), "somewhat", None, "short"),
        (Stalls.both(0.5, 60), "heavily", None, "none"),
        *((stalls, "heavily", channel, "none") for stalls, channel in zip(EACH_ALONE, CHANNELS, strict=True)),
    ],
)
def test_memories_are_classed_by_what_they_hold_back(
    stalls: Stalls, held: str, alone: str | None, latency: str
) -> None:
    assert [point.of(sample(stalls)) for point in (HELD, ALONE, LATENCY)] == [held, alone, latency]


def test_counts_of_several_processes_are_added(tmp_path: Path) -> None:
    counts: Counts = Counter()
    note(sample(m=4), counts)
    note(sample(m=4), counts)
    for number in range(2):
        (tmp_path / f"{number}.json").write_text(json.dumps([[*key, count] for key, count in counts.items()]))
    assert merged(tmp_path)["GEMM", "flags x m", "PARAMS, step"] == 4


def test_what_no_sample_fell_into_is_a_hole() -> None:
    counts: Counts = Counter()
    everything = set(holes(counts))
    note(sample(m=4), counts)
    hit = everything - set(holes(counts))
    assert ("GEMM", "flags x m", "PARAMS, step") in hit
    crosses = CROSSES[Opcode.GEMM]
    assert len(hit) == sum(all(point.of(sample(m=4)) is not None for point in cross) for cross in crosses)
    assert "1 of  160   never: OUT_INT32, 1; " in table(counts)


@pytest.mark.slow
def test_no_bin_is_never_hit() -> None:
    counts = measure()
    print("\n" + table(counts))
    assert holes(counts) == []
