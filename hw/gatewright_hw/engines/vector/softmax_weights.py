"""The weights of SOFTMAX and their sum: e = (EXP2_TABLE[f] + 2**i / 2) >> i, t = max - v, i = t >> 10, f = t & 1023.

Formats: v signed, VALUE_BITS; e 0..2**15; 0 where i is 17 or more. The rule is that of
:func:`gatewright.spec.vector.softmax`. Values wait until their row's largest is known, then pass at a group of LANES a
cycle; the sum of a row follows its last group and waits in a queue.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import EXP2_FRACTION_BITS, EXP2_ONE, EXP2_TABLE, LANES, SOFTMAX_STEPS, VALUE_BITS
from gatewright_hw.engines.parts.delay import delayed
from gatewright_hw.engines.parts.promised_queue import PromisedQueue
from gatewright_hw.engines.vector.groups import GROUP, group_counter, pair_sums, row_layout
from gatewright_hw.engines.vector.statistics import statistics_layout

__all__ = ["WEIGHT_GROUP", "SoftmaxWeights", "sum_bits"]

_WEIGHT_BITS = EXP2_ONE.bit_length()
WEIGHT_GROUP = data.ArrayLayout(_WEIGHT_BITS, LANES)


def sum_bits(max_columns: int) -> int:
    """Width of the sum of a row's weights."""
    return (max_columns * EXP2_ONE).bit_length()


class SoftmaxWeights(wiring.Component):
    """Members.

    row : see :func:`row_layout`; constant while groups come.
    statistics : one per row, before its values.
    values : groups of v.
    room, claim : a group of weights may be made; one is on its way.
    weights_valid, weights : groups out.
    sum : one per row.
    """

    def __init__(self, max_columns: int, depth: int = 4) -> None:
        self._sum_bits, self._depth = sum_bits(max_columns), depth
        super().__init__(
            {
                "row": In(row_layout(max_columns)),
                "statistics": In(stream.Signature(statistics_layout(max_columns))),
                "values": In(stream.Signature(GROUP)),
                "room": In(1),
                "claim": Out(1),
                "weights_valid": Out(1),
                "weights": Out(WEIGHT_GROUP),
                "sum": Out(stream.Signature(self._sum_bits)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.sums = sums = PromisedQueue(self._sum_bits, self._depth)
        wiring.connect(m, sums.o, wiring.flipped(self.sum))
        _, last = group_counter(m, self.claim, self.row)
        m.d.comb += [
            self.claim.eq(self.values.valid & self.statistics.valid & self.room & sums.room),
            self.values.ready.eq(self.claim),
            self.statistics.ready.eq(self.claim & last),
            sums.claim.eq(self.claim & last),
        ]

        # Stage 1: fetch. 2: distance. 3: table. 4: its register. 5: halvings by fours. 6: by ones. 7: rounding.
        valid = delayed(m, self.claim, 10, reset=True)
        ends = delayed(m, last, 10)
        peak = delayed(m, self.statistics.payload.peak, 1)[-1]
        values = delayed(m, self.values.payload, 1)[-1]
        weights = []
        for lane in range(LANES):
            if lane % 2 == 0:
                table = memory.Memory(shape=_WEIGHT_BITS, depth=len(EXP2_TABLE), init=EXP2_TABLE.tolist())
                m.submodules[f"table_{lane // 2}"] = table
            read = table.read_port()
            weights.append(self._weight(m, lane, peak - values[lane], read, ends[6]))
        m.d.comb += [self.weights.eq(Cat(weights)), self.weights_valid.eq(valid[7])]

        # Stage 8, 9: sum of the lanes. 10: of the row.
        total = pair_sums(m, list(weights), "sum")
        begun = Signal()
        row_sum = Signal(self._sum_bits, reset_less=True)
        with m.If(valid[9]):
            m.d.sync += [row_sum.eq(total + Mux(begun, row_sum, 0)), begun.eq(~ends[9])]
        m.d.comb += [sums.push.eq(valid[10] & ends[10]), sums.item.eq(row_sum)]
        return m

    def _weight(self, m: Module, lane: int, below: Value, read: memory.ReadPort, ends: Value) -> Signal:
        """e for a value that is ``below`` the row's largest; ``ends`` marks its row's last group at the last stage."""
        distance = Signal(VALUE_BITS + 1, name=f"distance_{lane}", reset_less=True)
        steps = Signal(range(SOFTMAX_STEPS + 1), name=f"steps_{lane}", reset_less=True)
        mantissa = Signal(_WEIGHT_BITS, name=f"mantissa_{lane}", reset_less=True)
        by_fours = Signal(_WEIGHT_BITS + 1, name=f"by_fours_{lane}", reset_less=True)
        by_ones = Signal(_WEIGHT_BITS + 1, name=f"by_ones_{lane}", reset_less=True)
        weight = Signal(_WEIGHT_BITS, name=f"weight_{lane}", reset_less=True)
        counts = ~ends | (self.row.tail == 0) | (lane < self.row.tail)
        whole = distance[EXP2_FRACTION_BITS:]
        later = delayed(m, steps, 2)
        m.d.comb += read.addr.eq(distance[:EXP2_FRACTION_BITS])
        m.d.sync += [
            distance.eq(below),
            steps.eq(Mux(whole > SOFTMAX_STEPS, SOFTMAX_STEPS, whole)),
            mantissa.eq(read.data),
            by_fours.eq(Cat(0, mantissa) >> Cat(0, 0, later[1][2:])),
            by_ones.eq(by_fours >> later[2][:2]),
            weight.eq(Mux(counts, (by_ones + 1)[1:], 0)),
        ]
        return weight
