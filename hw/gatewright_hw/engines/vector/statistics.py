"""What a row must be known for, before it can be scaled: its sums and its largest value.

    total = sum x    power = sum x**2    peak = max v    with x = saturate16(v)

Formats: v signed, VALUE_BITS; exact sums of up to max_columns elements. Elements beyond the row's end do not count.
Throughput: one group a cycle, with a multiplier of 16 x 16 bits per lane. Latency: a row's figures wait in a
queue ``delay`` cycles after its last group.
"""

from __future__ import annotations

from operator import add

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from gatewright.spec.vector import NORM_INPUT_BITS, VALUE_BITS
from gatewright_hw.engines.vector.groups import in_row, row_layout, value_group
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.pair_tree import larger, pair_tree, pair_tree_delay
from gatewright_hw.parts.promised_queue import PromisedQueue
from gatewright_hw.parts.saturation import saturated

__all__ = ["RowStatistics", "statistics_layout"]

_LOWEST = -(1 << VALUE_BITS - 1)
_SQUARE_BITS = 2 * NORM_INPUT_BITS - 1

_MASK_DELAY = 1
_SQUARE_DELAY = 2
"""Cycles: product and its register."""
_ROW_DELAY = 1


def statistics_layout(max_columns: int) -> data.StructLayout:
    """The figures of a row: sum, sum of squares, largest."""
    count_bits = ceil_log2(max_columns)
    return data.StructLayout(
        {
            "total": signed(NORM_INPUT_BITS + count_bits),
            "power": _SQUARE_BITS + count_bits,
            "peak": signed(VALUE_BITS),
        }
    )


class RowStatistics(wiring.Component):
    """Sums up rows that come group by group.

    Parameters
    ----------
    max_columns : the widest row; a power of two times ``lanes``.
    lanes : elements of a group, a power of two.
    depth : rows whose figures may wait.

    Members
    -------
    row : :func:`row_layout`, in; constant while groups come.
    centre : 1, in; the sum is wanted, otherwise ``total`` is 0. Constant as well.
    room : 1, out; a row may be claimed.
    claim : 1, in; a row's last group is on its way.
    valid, last, v : 1, 1 and :func:`.value_group`, in; a group, and whether it ends its row.
    o : stream of :func:`statistics_layout`, out; one item per row, in the order of claims.
    """

    def __init__(self, max_columns: int, lanes: int, depth: int = 4) -> None:
        self._lanes = lanes
        self._group_delay = _MASK_DELAY + _SQUARE_DELAY + pair_tree_delay(lanes)  # to its sums over the lanes
        layout = statistics_layout(max_columns)
        self._queue = PromisedQueue(layout, depth)
        super().__init__(
            {
                "row": In(row_layout(max_columns, lanes)),
                "centre": In(1),
                "room": Out(1, init=1),
                "claim": In(1),
                "valid": In(1),
                "last": In(1),
                "v": In(value_group(lanes)),
                "o": Out(stream.Signature(layout)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from a row's last group to its figures."""
        return self._group_delay + _ROW_DELAY + self._queue.delay

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.queue = queue = self._queue
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        m.d.comb += [queue.claim.eq(self.claim), self.room.eq(queue.room)]

        x, squares, values = [], [], []
        for lane in range(self._lanes):
            counts = in_row(self.row, self.last, lane)
            element = Signal(signed(NORM_INPUT_BITS), name=f"x_{lane}", reset_less=True)
            value = Signal(signed(VALUE_BITS), name=f"v_{lane}", reset_less=True)
            square = Signal(_SQUARE_BITS, name=f"square_{lane}", reset_less=True)
            m.d.sync += [
                element.eq(Mux(counts, saturated(self.v[lane], NORM_INPUT_BITS), 0)),
                value.eq(Mux(counts, self.v[lane], _LOWEST)),
                square.eq(element * element),
            ]
            x.append(element)
            squares.append(delayed(m, square, _SQUARE_DELAY - 1)[-1])
            values.append(value)
        power = pair_tree(m, squares, add, "power")
        total = delayed(m, pair_tree(m, x, add, "total"), _SQUARE_DELAY)[-1]
        peak = delayed(m, pair_tree(m, values, larger, "peak"), _SQUARE_DELAY)[-1]

        valid = delayed(m, self.valid, self._group_delay + _ROW_DELAY, reset=True)
        last = delayed(m, self.last, self._group_delay + _ROW_DELAY)
        begun = Signal()  # the row's figures hold a group already
        row = Signal(queue.item.shape())
        with m.If(valid[self._group_delay]):
            m.d.sync += [
                begun.eq(~last[self._group_delay]),
                row.total.eq(Mux(self.centre, total, 0) + Mux(begun, row.total, 0)),
                row.power.eq(power + Mux(begun, row.power, 0)),
            ]
            with m.If(~begun | (peak > row.peak)):
                m.d.sync += row.peak.eq(peak)
        m.d.comb += [queue.push.eq(valid[-1] & last[-1]), queue.item.eq(row)]
        return m
