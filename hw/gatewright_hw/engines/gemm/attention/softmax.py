"""Softmax of the rows of one tile of queries, scores kept on chip.

    m = max of the allowed s_j,   e_j = EXP_TABLE[min(m - s_j, 2047)] (0 if not allowed),   scale = out / sum_j e_j

Formats: s int16 in log2 units with 7 fraction bits, e uint8 (255 is 1.0). The rules are those of
:mod:`gatewright.spec.softmax`.

Scores arrive from the drain ``lanes`` a cycle and go to one of two score buffers, while the maximum of their row is
tracked. When the last score of a tile has come, the rows are walked once, ``lanes`` scores a cycle: e goes straight
to the operand banks of A, as the left operand of e V, and the sum to the row scale. Division is left to the
requantiser of e V (Dao et al., FlashAttention, 2022).

Throughput: ``lanes`` weights a cycle; the array works on the next tile's scores meanwhile. ``done`` follows the last
sum by the row scale's latency.
"""

from __future__ import annotations

from functools import reduce
from operator import add

from amaranth.hdl import Array, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.softmax import EXP_BITS, EXP_ENTRIES, EXP_TABLE, SCORE_BITS
from gatewright_hw.engines.gemm.attention.softmax_scale import SoftmaxScale
from gatewright_hw.engines.gemm.drain import REQUANTISER, Scores
from gatewright_hw.engines.gemm.geometry import WORD_BYTES, Geometry
from gatewright_hw.engines.gemm.operand_banks import BankWrite
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.pair_tree import larger, pair_tree, pair_tree_delay

__all__ = ["Softmax"]

_WEIGHT_DELAY = 4
"""Cycles from a place of the walk to its weights: scores and peak, distance, table, weight."""
_SUM_DELAY = _WEIGHT_DELAY + 2
"""Cycles from a place of the walk to the sum of its row so far: sum of the lanes, sum of the row."""

_LOWEST = -(1 << (SCORE_BITS - 1))


class Softmax(wiring.Component):
    """Scores in, weights and scales out.

    Members
    -------
    start : 1, in; a command begins; the first scores are for buffer 0, then buffers alternate.
    scores : Scores, in; from the drain.
    out : REQUANTISER, in; of the output, stable.
    write : BankWrite, out; weights to the operand banks of A, always taken.
    buffer, row : 1 and range(rows), in; which row's ``scale`` to show, in the same cycle.
    scale : REQUANTISER, out.
    done : 1, out; weights and scales of a tile are complete; one cycle per tile, in order.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        super().__init__(
            {
                "start": In(1),
                "scores": In(Scores(g)),
                "out": In(REQUANTISER),
                "write": Out(BankWrite(g.rows, g.config.a_depth)),
                "buffer": In(1),
                "row": In(range(g.rows)),
                "scale": Out(REQUANTISER),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        m.submodules.row_scale = row_scale = SoftmaxScale(g)
        m.d.comb += [
            row_scale.out.eq(self.out),
            row_scale.read_buffer.eq(self.buffer),
            row_scale.read_row.eq(self.row),
            self.scale.eq(row_scale.scale),
        ]
        fetched = self._keep_scores(m)
        peaks, complete, final = self._track_peaks(m)

        # A tile whose scores are complete is walked, row by row, group by group.
        place = data.StructLayout({"buffer": 1, "row": range(g.rows), "group": range(g.groups), "end": 1, "final": 1})
        walk = Signal(place)
        waiting = Signal(range(3))  # complete tiles that are not walked yet
        rows = Signal(data.ArrayLayout(range(g.rows + 1), 2))
        groups = Signal(data.ArrayLayout(range(g.groups), 2))  # the last group
        walking = waiting != 0
        m.d.comb += [
            walk.end.eq(walk.group == groups[walk.buffer]),
            walk.final.eq(walk.end & (walk.row == rows[walk.buffer] - 1)),
        ]
        with m.If(complete):
            m.d.sync += [rows[final.buffer].eq(final.rows), groups[final.buffer].eq(final.group)]
        m.d.sync += waiting.eq(waiting + complete - (walking & walk.final))
        with m.If(walking):
            m.d.sync += walk.group.eq(walk.group + 1)
            with m.If(walk.end):
                m.d.sync += [walk.group.eq(0), walk.row.eq(walk.row + 1)]
            with m.If(walk.final):
                m.d.sync += [walk.row.eq(0), walk.buffer.eq(~walk.buffer)]
        with m.If(self.start):
            m.d.sync += walk.buffer.eq(0)

        valid = delayed(m, walking, _SUM_DELAY, reset=True)
        at = delayed(m, walk, _SUM_DELAY)
        m.d.comb += fetched.addr.eq(Cat(walk.group, walk.row, walk.buffer))
        peak = Signal(signed(SCORE_BITS), reset_less=True)
        m.d.sync += peak.eq(peaks[Cat(walk.row, walk.buffer)])
        weights = []
        for lane in range(g.lanes):
            distance = Signal(SCORE_BITS + 1, name=f"distance_{lane}", reset_less=True)
            allowed = delayed(m, fetched.data.allowed[lane], _WEIGHT_DELAY - 2)[-1]  # from the scores to the table
            m.d.sync += distance.eq(peak - fetched.data.score[lane])
            if lane % 2 == 0:
                table = memory.Memory(shape=EXP_BITS, depth=EXP_ENTRIES, init=EXP_TABLE.tolist())
                m.submodules[f"table_{lane // 2}"] = table
            exponential = table.read_port()
            far = distance[exact_log2(EXP_ENTRIES) :].any()
            m.d.comb += exponential.addr.eq(Mux(far, EXP_ENTRIES - 1, distance))
            weight = Signal(EXP_BITS, name=f"weight_{lane}", reset_less=True)
            m.d.sync += weight.eq(Mux(allowed, exponential.data, 0))
            weights.append(weight)

        self._write_weights(m, valid[_WEIGHT_DELAY], at[_WEIGHT_DELAY], weights)

        lane_sum = Signal(range(g.lanes * ((1 << EXP_BITS) - 1) + 1), reset_less=True)
        total = Signal.like(row_scale.sum)
        m.d.sync += lane_sum.eq(reduce(add, weights))
        with m.If(valid[_SUM_DELAY - 1]):
            m.d.sync += total.eq(lane_sum + Mux(at[_SUM_DELAY - 1].group == 0, 0, total))
        m.d.comb += [
            row_scale.valid.eq(valid[-1] & at[-1].end),
            row_scale.sum.eq(total),
            row_scale.buffer.eq(at[-1].buffer),
            row_scale.row.eq(at[-1].row),
            self.done.eq(delayed(m, valid[-1] & at[-1].final, row_scale.delay, reset=True)[-1]),
        ]
        return m

    def _keep_scores(self, m: Module) -> memory.ReadPort:
        """Both score buffers in one memory, a word holding ``lanes`` scores; returns its read port."""
        g = self._geometry
        tag = self.scores.tag
        word = data.StructLayout({"score": self.scores.score.shape(), "allowed": g.lanes})
        m.submodules.kept = kept = memory.Memory(shape=word, depth=2 * g.rows * g.groups, init=[])
        store = kept.write_port()
        m.d.comb += [
            store.addr.eq(Cat(tag.group, tag.row, tag.buffer)),
            store.data.score.eq(self.scores.score),
            store.data.allowed.eq(tag.allowed),
            store.en.eq(self.scores.valid),
        ]
        return kept.read_port()

    def _track_peaks(self, m: Module) -> tuple[Array, Value, data.View]:
        """The highest allowed score of each row: a tree over the lanes, then the row's register.

        Returns the registers by (buffer, row), whether the last scores of a tile have been counted, and their tag.
        """
        g = self._geometry
        counted = [Mux(self.scores.tag.allowed[i], self.scores.score[i], _LOWEST) for i in range(g.lanes)]
        highest, cycles = pair_tree(m, counted, larger, "highest"), pair_tree_delay(g.lanes)
        valid = delayed(m, self.scores.valid, cycles + 1, reset=True)
        at = delayed(m, self.scores.tag, cycles + 1)
        peaks = Array(Signal(signed(SCORE_BITS), name=f"peak_{i}", reset_less=True) for i in range(2 * g.rows))
        peak = peaks[Cat(at[-2].row, at[-2].buffer)]
        with m.If(valid[-2] & (at[-2].first | (highest > peak))):
            m.d.sync += peak.eq(highest)
        return peaks, valid[-1] & at[-1].final, at[-1]

    def _write_weights(self, m: Module, valid: Signal, at: data.View, weights: list[Signal]) -> None:
        """``lanes`` weights into a word of the row's bank."""
        g = self._geometry
        per_word = WORD_BYTES // g.lanes
        position = at.group % per_word
        start = Mux(at.buffer, g.a_half + g.p_offset, g.p_offset)
        m.d.comb += [
            self.write.addr.eq(start + at.group // per_word),
            self.write.data.eq(Cat(weights).replicate(per_word)),
            self.write.bytes.eq(((1 << g.lanes) - 1) << (position * g.lanes)),
            self.write.banks.eq(Mux(valid, 1 << at.row, 0)),
        ]
