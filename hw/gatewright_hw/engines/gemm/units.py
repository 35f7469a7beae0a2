"""Units of the array: multiply, add up, start anew where a tile begins.

One product a DSP48E1 (`unit`): the product register is MREG, the accumulator PREG, and ``start`` selects the
post-adder's input.

Two products a DSP48E1 (`pair`), of two columns with the same row of A, added up over the ``depth`` k of a step:

    P = sum over k of (high[k] * 2**17 + low[k]) * a[k]

The pre-adder puts two values of B side by side, the multiplier takes both times one of A, and the post-adders of
``depth`` DSP48E1 pass their sum down the cascade. Both sums must fit 17 bits, and ``high * 2**17 + low`` the 25 of the
pre-adder: four products of int8 do where B has no -128 (4 * 127 * 128 < 2**16), two with a softmax's weights (2 * 127 *
255); with -128, two products of one column while the other column is zero (2 * 128 * 128). Then the lower sum is
P[0:17], signed, and the upper one P[17:34] and what a negative lower sum has borrowed from it: P[16]. They are
accumulated in the fabric, one addition each, the borrowed bit as its carry.

Two int8 products in one multiplier: Y. Fu et al., "Deep Learning with INT8 Optimization on Xilinx Devices", WP486,
2017; added up in a cascade: T. Han et al., "8-Bit Dot-Product Acceleration", WP487, 2017. Their lanes have 18 bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import C, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["A_BITS", "B_BITS", "LANE_BITS", "PACKED_DEPTH", "LaneAccumulators", "pair", "unit", "units_delay"]

A_BITS = 9
B_BITS = 8
LANE_BITS = 17
PACKED_DEPTH = 4


def units_delay(depth: int) -> int:
    """Cycles from a step to its accumulators: product, accumulator; of pairs operands, product, ``depth`` sums,
    accumulator."""
    return 2 if depth == 1 else depth + 3


def unit(m: Module, a: Value, b: Value, start: Sequence[Value], acc_bits: int, name: str) -> Signal:
    """The accumulator, signed(acc_bits), of ``a`` times ``b``. ``start[d]`` is said ``d`` cycles after the step."""
    product = Signal(signed(A_BITS + B_BITS), name=f"product_{name}")
    acc = Signal(signed(acc_bits), name=f"acc_{name}")
    begin = Signal(name=f"start_{name}")
    m.d.sync += [product.eq(a * b), begin.eq(start[0]), acc.eq(product + Mux(begin, 0, acc))]
    return acc


class LaneAccumulators(wiring.Component):
    """Two accumulators of what comes packed, with a cycle's delay.

    Members
    -------
    total : signed(2 * LANE_BITS), in; ``high * 2**LANE_BITS + low``, ``low`` of LANE_BITS.
    start : 1, in; it is the first of a sum.
    acc : signed(acc_bits) for low and for high, out; their sums.
    """

    def __init__(self, acc_bits: int) -> None:
        acc = Out(signed(acc_bits)).array(2)
        super().__init__({"total": In(signed(2 * LANE_BITS)), "start": In(1), "acc": acc})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes = self.total[:LANE_BITS], self.total[LANE_BITS:]
        borrowed = C(0, 1), self.total[LANE_BITS - 1]
        for acc, lane, carry in zip(self.acc, lanes, borrowed, strict=True):
            # A carry into an addition is another bit below both.
            both = Cat(carry, lane).as_signed() + Cat(carry, Mux(self.start, 0, acc)).as_signed()
            m.d.sync += acc.eq(both >> 1)
        return m


def pair(
    m: Module,
    a: Sequence[Value],
    low: Sequence[Value],
    high: Sequence[Value],
    start: Sequence[Value],
    acc_bits: int,
    name: str,
) -> list[Signal]:
    """The accumulators, signed(acc_bits), of ``low`` and of ``high`` times ``a``. All come by k, value k ``k`` cycles
    after the step; ``start[d]`` comes ``d`` cycles after it."""
    total: Value = C(0, 1)
    for k, (by_k, low_k, high_k) in enumerate(zip(a, low, high, strict=True)):
        both = Signal(signed(LANE_BITS + B_BITS), name=f"both_{name}_{k}", reset_less=True)
        by = Signal(signed(A_BITS), name=f"by_{name}_{k}", reset_less=True)
        product = Signal(signed(2 * LANE_BITS), name=f"product_{name}_{k}", reset_less=True)
        added = Signal(signed(2 * LANE_BITS), name=f"sum_{name}_{k}", reset_less=True)
        m.d.sync += [both.eq((high_k << LANE_BITS) + low_k), by.eq(by_k), product.eq(both * by)]
        m.d.sync += added.eq(product + total if k else product)
        total = added
    m.submodules[f"lanes_{name}"] = lanes = LaneAccumulators(acc_bits)
    begin = Signal(name=f"start_{name}")
    m.d.sync += begin.eq(start[len(a) + 1])
    m.d.comb += [lanes.total.eq(total), lanes.start.eq(begin)]
    return list(lanes.acc)
