"""The weights of SOFTMAX: powers of two of how far each is below its row's largest.

    e = (EXP2_TABLE[f] + 2**i / 2) >> i    with t = peak - v, i = t >> 10, f = t & 1023

Formats: v signed, VALUE_BITS, at most peak; e 0..2**15, 0 where i is 17 or more. The rule is
:func:`gatewright.spec.vector.softmax_weight`. Two lanes share a table. One group a cycle.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gatewright.spec.vector import EXP2_FRACTION_BITS, EXP2_ONE, EXP2_TABLE, SOFTMAX_STEPS, VALUE_BITS
from gatewright_hw.engines.vector.groups import value_group
from gatewright_hw.parts.delay import delayed

__all__ = ["WEIGHT_BITS", "WeightLanes", "weight_group"]

WEIGHT_BITS = bits_for(EXP2_ONE)


def weight_group(lanes: int) -> data.ArrayLayout:
    """``lanes`` weights e."""
    return data.ArrayLayout(WEIGHT_BITS, lanes)


class WeightLanes(wiring.Component):
    """A pipeline without a stall.

    Parameters
    ----------
    lanes : elements of a group, an even number.

    Members
    -------
    peak : signed(VALUE_BITS), in; the largest v of the group's row.
    v : :func:`.value_group`, in.
    counts : ``lanes`` bits, in; the elements that have a weight, the others get 0.
    weights : :func:`weight_group`, out; ``delay`` cycles later.
    """

    delay = 6
    """Cycles: distance, table and its register, halvings by fours and by ones, rounding."""

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        super().__init__(
            {
                "peak": In(signed(VALUE_BITS)),
                "v": In(value_group(lanes)),
                "counts": In(lanes),
                "weights": Out(weight_group(lanes)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        counts = delayed(m, self.counts, self.delay - 1)[-1]
        for lane in range(self._lanes):
            if lane % 2 == 0:
                table = memory.Memory(shape=WEIGHT_BITS, depth=len(EXP2_TABLE), init=EXP2_TABLE.tolist())
                m.submodules[f"table_{lane // 2}"] = table
            read = table.read_port()
            distance = Signal(VALUE_BITS + 1, name=f"distance_{lane}", reset_less=True)
            steps = Signal(range(SOFTMAX_STEPS + 1), name=f"steps_{lane}", reset_less=True)
            mantissa = Signal(WEIGHT_BITS, name=f"mantissa_{lane}", reset_less=True)
            # One fraction bit, by which the halvings round.
            by_fours = Signal(WEIGHT_BITS + 1, name=f"by_fours_{lane}", reset_less=True)
            by_ones = Signal(WEIGHT_BITS + 1, name=f"by_ones_{lane}", reset_less=True)
            weight = Signal(WEIGHT_BITS, name=f"weight_{lane}", reset_less=True)
            whole = distance[EXP2_FRACTION_BITS:]
            steps_now, steps_later = delayed(m, steps, 2)[1:]
            m.d.sync += [
                distance.eq(self.peak - self.v[lane]),
                steps.eq(Mux(whole > SOFTMAX_STEPS, SOFTMAX_STEPS, whole)),
                mantissa.eq(read.data),
                by_fours.eq(Cat(0, mantissa) >> Cat(0, 0, steps_now[2:])),
                by_ones.eq(by_fours >> steps_later[:2]),
                weight.eq(Mux(counts[lane], (by_ones + 1)[1:], 0)),
            ]
            m.d.comb += [read.addr.eq(distance[:EXP2_FRACTION_BITS]), self.weights[lane].eq(weight)]
        return m
