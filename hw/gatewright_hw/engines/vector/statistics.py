"""What a row must be known for: the sum and the sum of squares of x = saturate16(v), and the largest v.

Formats: sums of up to max_columns elements, exact; the largest as v. Elements beyond the row's end do not count. One
group of LANES a cycle; four multipliers of 16 x 16 bits. A row's figures are there ``delay`` cycles after its last
group, and wait in a queue.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import LANES, NORM_INPUT_BITS, VALUE_BITS
from gatewright_hw.engines.parts.delay import delayed
from gatewright_hw.engines.parts.promised_queue import PromisedQueue
from gatewright_hw.engines.vector.groups import GROUP, pair_sums, row_layout, saturated

__all__ = ["RowStatistics", "statistics_layout"]

_LOWEST = -(1 << VALUE_BITS - 1)


def statistics_layout(max_columns: int) -> data.StructLayout:
    """The figures of a row: sum, sum of squares, largest."""
    count_bits = (max_columns - 1).bit_length()
    return data.StructLayout(
        {
            "total": signed(NORM_INPUT_BITS + count_bits),
            "power": 2 * NORM_INPUT_BITS - 1 + count_bits,
            "peak": signed(VALUE_BITS),
        }
    )


class RowStatistics(wiring.Component):
    """Members.

    row : see :func:`row_layout`; ``centre`` (the sum is wanted, otherwise it is 0) is constant, too, while groups come.
    room, claim : a row may be begun; its last group is on its way.
    valid, last, v : groups in.
    o : one item per row.
    """

    delay = 7
    """Cycles: masked, product and its register, two steps of the lanes' sum, accumulation, queue."""

    def __init__(self, max_columns: int, depth: int = 4) -> None:
        self._layout = statistics_layout(max_columns)
        self._depth = depth
        super().__init__(
            {
                "row": In(row_layout(max_columns)),
                "centre": In(1),
                "room": Out(1, init=1),
                "claim": In(1),
                "valid": In(1),
                "last": In(1),
                "v": In(GROUP),
                "o": Out(stream.Signature(self._layout)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = PromisedQueue(self._layout, self._depth)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += [queue.claim.eq(self.claim), self.room.eq(queue.room)]

        # Stage 1: what counts. 2, 3: squares. 4, 5: the lanes' sums. 6: the row's.
        x, squares, values = [], [], []
        for lane in range(LANES):
            counts = ~self.last | (self.row.tail == 0) | (lane < self.row.tail)
            element = Signal(signed(NORM_INPUT_BITS), name=f"x_{lane}", reset_less=True)
            value = Signal(signed(VALUE_BITS), name=f"v_{lane}", reset_less=True)
            product = Signal(2 * NORM_INPUT_BITS - 1, name=f"product_{lane}", reset_less=True)
            square = Signal(2 * NORM_INPUT_BITS - 1, name=f"square_{lane}", reset_less=True)
            m.d.sync += [
                element.eq(Mux(counts, saturated(self.v[lane], NORM_INPUT_BITS), 0)),
                value.eq(Mux(counts, self.v[lane], _LOWEST)),
                product.eq(element * element),
                square.eq(product),
            ]
            x.append(element)
            squares.append(square)
            values.append(value)
        power = pair_sums(m, squares, "power")
        total = delayed(m, pair_sums(m, x, "total"), 2)[-1]
        while len(values) > 1:
            higher = []
            for left, right in zip(values[::2], values[1::2], strict=True):
                step = Signal(signed(VALUE_BITS), name=f"peak_{len(values)}_{len(higher)}", reset_less=True)
                m.d.sync += step.eq(Mux(left > right, left, right))
                higher.append(step)
            values = higher
        peak = delayed(m, values[0], 2)[-1]

        valid = delayed(m, self.valid, 6, reset=True)
        last = delayed(m, self.last, 6)
        begun = Signal()  # the row's figures hold a group already
        row = Signal(self._layout)
        with m.If(valid[5]):
            m.d.sync += [
                begun.eq(~last[5]),
                row.total.eq(Mux(self.centre, total, 0) + Mux(begun, row.total, 0)),
                row.power.eq(power + Mux(begun, row.power, 0)),
            ]
            with m.If(~begun | (peak > row.peak)):
                m.d.sync += row.peak.eq(peak)
        m.d.comb += [queue.push.eq(valid[6] & last[6]), queue.item.eq(row)]
        return m
