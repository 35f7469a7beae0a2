"""``saturated`` and ``fits`` against the rule of ``spec.fixed``."""

from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed

from gatewright.spec.fixed import saturate
from gatewright_hw.parts.saturation import fits, saturated
from gatewright_sim.components.simulation import simulate
from gatewright_sim.components.values import signed_values


@pytest.mark.parametrize(("width", "bits"), [(8, 8), (9, 8), (24, 16), (32, 16), (5, 2)])
def test_equals_the_rule(width: int, bits: int, rng: np.random.Generator) -> None:
    m = Module()
    value, clamped, inside = Signal(signed(width)), Signal(signed(bits)), Signal()
    m.d.comb += [clamped.eq(saturated(value, bits)), inside.eq(fits(value, bits))]
    values = signed_values(rng, width, 300)
    seen = []

    async def testbench(ctx: Any) -> None:
        for now in values:
            ctx.set(value, int(now))
            seen.append((ctx.get(clamped), ctx.get(inside)))

    simulate(m, testbench)
    expected = saturate(values, bits)
    np.testing.assert_array_equal(seen, np.stack([expected, expected == values], -1))
