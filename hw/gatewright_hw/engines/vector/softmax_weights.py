"""The weights of SOFTMAX and their sum, row by row; see :mod:`.weight_lanes` for the formula.

Values wait until their row's largest is known, then pass at a group a cycle; the sum of a row follows its last
group and waits in a queue.
"""

from __future__ import annotations

from operator import add

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gatewright.spec.vector import EXP2_ONE
from gatewright_hw.engines.vector.groups import group_counter, in_row, row_layout, value_group
from gatewright_hw.engines.vector.statistics import statistics_layout
from gatewright_hw.engines.vector.weight_lanes import WeightLanes, weight_group
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.pair_tree import pair_tree, pair_tree_delay
from gatewright_hw.parts.promised_queue import PromisedQueue

__all__ = ["SoftmaxWeights", "sum_bits"]

_FETCH_DELAY = 1
_ROW_DELAY = 1


def sum_bits(max_columns: int) -> int:
    """Width of the sum of a row's weights."""
    return int(bits_for(max_columns * EXP2_ONE))


class SoftmaxWeights(wiring.Component):
    """Takes the values of a row when its statistics are there.

    Parameters
    ----------
    max_columns : the widest row; a power of two times ``lanes``.
    lanes : elements of a group, a power of two.
    depth : rows whose sums may wait.

    Members
    -------
    row : :func:`row_layout`, in; constant while groups come.
    statistics : stream of :func:`statistics_layout`, in; one per row, before its values.
    values : stream of :func:`.value_group`, in; v.
    room : 1, in; a group of weights may be made.
    claim : 1, out; one is on its way, and comes out ``weights_delay`` cycles later.
    weights_valid, weights : 1 and :func:`.weight_group`, out.
    sum : stream of :func:`sum_bits`, out; one per row, ``sum_delay`` cycles after the claim of its last group.
    """

    weights_delay = _FETCH_DELAY + WeightLanes.delay

    def __init__(self, max_columns: int, lanes: int, depth: int = 4) -> None:
        self._lanes = lanes
        self._group_sum_delay = self.weights_delay + pair_tree_delay(lanes)
        self._row_sum_delay = self._group_sum_delay + _ROW_DELAY
        self._sums = PromisedQueue(sum_bits(max_columns), depth)
        super().__init__(
            {
                "row": In(row_layout(max_columns, lanes)),
                "statistics": In(stream.Signature(statistics_layout(max_columns))),
                "values": In(stream.Signature(value_group(lanes))),
                "room": In(1),
                "claim": Out(1),
                "weights_valid": Out(1),
                "weights": Out(weight_group(lanes)),
                "sum": Out(stream.Signature(sum_bits(max_columns))),
            }
        )

    @property
    def sum_delay(self) -> int:
        """Cycles from the claim of a row's last group to its sum."""
        return self._row_sum_delay + self._sums.delay

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.lanes = lanes = WeightLanes(self._lanes)
        m.submodules.sums = sums = self._sums
        wiring.connect(m, sums.o, wiring.flipped(self.sum))
        _, last = group_counter(m, self.claim, self.row)
        valid = delayed(m, self.claim, self._row_sum_delay, reset=True)
        ends = delayed(m, last, self._row_sum_delay)
        m.d.comb += [
            self.claim.eq(self.values.valid & self.statistics.valid & self.room & sums.room),
            self.values.ready.eq(self.claim),
            self.statistics.ready.eq(self.claim & last),
            sums.claim.eq(self.claim & last),
            lanes.peak.eq(delayed(m, self.statistics.payload.peak, _FETCH_DELAY)[-1]),
            lanes.v.eq(delayed(m, self.values.payload, _FETCH_DELAY)[-1]),
            lanes.counts.eq(Cat(in_row(self.row, ends[_FETCH_DELAY], lane) for lane in range(self._lanes))),
            self.weights.eq(lanes.weights),
            self.weights_valid.eq(valid[self.weights_delay]),
        ]

        group_sum = pair_tree(m, [lanes.weights[lane] for lane in range(self._lanes)], add, "sum")
        begun = Signal()  # the row's sum holds a group already
        row_sum = Signal(sums.item.shape(), reset_less=True)
        with m.If(valid[self._group_sum_delay]):
            m.d.sync += [row_sum.eq(group_sum + Mux(begun, row_sum, 0)), begun.eq(~ends[self._group_sum_delay])]
        m.d.comb += [sums.push.eq(valid[-1] & ends[-1]), sums.item.eq(row_sum)]
        return m
