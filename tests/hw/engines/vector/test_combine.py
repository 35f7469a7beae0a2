"""CombineLanes against ``spec.vector.combine``: every way to combine, narrow and wide elements, ties and limits."""

import numpy as np
import pytest

from gatewright.spec.vector import GAIN_BITS, Combine, combine
from gatewright_hw.engines.vector.combine import CombineLanes
from gatewright_sim.components.simulation import run_pipeline
from gatewright_sim.components.values import Int64, signed_values

GROUPS = 40
LOW, HIGH = -(1 << GAIN_BITS - 1), (1 << GAIN_BITS - 1) - 1


def expected(kind: Combine, a: Int64, b: Int64, a_multiplier: int, b_multiplier: int, shift: int) -> Int64:
    return combine(kind, a, None if kind is Combine.ALONE else b, a_multiplier, b_multiplier, shift)


@pytest.mark.parametrize("shift", [0, 15, 31, 63])
@pytest.mark.parametrize(("a_multiplier", "b_multiplier"), [(LOW, LOW), (257, -3)])
@pytest.mark.parametrize("kind", Combine)
def test_narrow_groups_take_a_cycle(
    lanes: int, kind: Combine, a_multiplier: int, b_multiplier: int, shift: int, rng: np.random.Generator
) -> None:
    """Elements of 8 and 16 bits, signed or not, with pauses."""
    a, b = (np.where(rng.integers(0, 4, (GROUPS, 1)), signed_values(rng, 16, (GROUPS, lanes)), 255) for _ in "ab")
    valid = rng.integers(0, 4, GROUPS) > 0
    multipliers = {"a_multiplier": a_multiplier, "b_multiplier": b_multiplier}
    dut = CombineLanes(lanes)
    results = run_pipeline(
        dut,
        [{"valid": now, "a": x.tolist(), "b": y.tolist()} for now, x, y in zip(valid.tolist(), a, b, strict=True)],
        ["v_valid", "v"],
        combination={"kind": kind, "shift": shift} | multipliers,
    )
    np.testing.assert_array_equal([now for now, _ in results], valid)
    np.testing.assert_array_equal(
        [list(v) for now, v in results if now], expected(kind, a, b, shift=shift, **multipliers)[valid]
    )


@pytest.mark.parametrize("shift", [0, 16, 40])
@pytest.mark.parametrize(("a_multiplier", "b_multiplier"), [(LOW, HIGH)])
@pytest.mark.parametrize("kind", Combine)
def test_wide_groups_take_two(
    lanes: int, kind: Combine, a_multiplier: int, b_multiplier: int, shift: int, rng: np.random.Generator
) -> None:
    """Elements of 32 bits beside narrower ones: high halves, then low halves, then perhaps a pause."""
    a, b = (signed_values(rng, 32, (GROUPS, lanes)) for _ in "ab")
    a = np.where(rng.integers(0, 2, (GROUPS, 1)), a, a >> 24)
    multipliers = {"a_multiplier": a_multiplier, "b_multiplier": b_multiplier}
    operands = []
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        operands += [{"high": high, "valid": not high, "a": x, "b": y} for high in (True, False)]
        operands += [{"high": False, "valid": False}] * int(rng.integers(0, 2))
    dut = CombineLanes(lanes)
    results = run_pipeline(
        dut, operands, ["v_valid", "v"], wide=1, combination={"kind": kind, "shift": shift} | multipliers
    )
    assert [now for now, _ in results] == [operand["valid"] for operand in operands]
    np.testing.assert_array_equal(
        [list(v) for now, v in results if now], expected(kind, a, b, shift=shift, **multipliers)
    )
