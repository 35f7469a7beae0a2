"""Drain: turns the array's accumulators into results, ``lanes`` a cycle.

    GEMM    int8, int16  requantise(acc + bias[n]) by multiplier[n], shift[n]   or int32  acc + bias[n], modulo 2**32
    SCORE   int16        requantise(acc) by the command's score multiplier and shift, with the mask of the keys
    VALUE   int8, int16  requantise(acc) by the row's multiplier and shift, from the softmax

Never stalls. Latency: ``delay`` cycles from accumulators to int8 and int16 results, 2 cycles to int32.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import bits_for

from gatewright.spec.fixed import ACCUMULATOR_BITS, MULTIPLIER_BITS, SHIFT_BITS
from gatewright.spec.softmax import SCORE_BITS
from gatewright_hw.engines.gemm.array import Drained
from gatewright_hw.engines.gemm.column_parameters import COLUMN
from gatewright_hw.engines.gemm.geometry import Geometry, Kind, Width
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.requantiser import Requantiser

__all__ = ["REQUANTISER", "Drain", "ResultTag", "Results", "ScoreTag", "Scores"]

REQUANTISER = data.StructLayout({"multiplier": MULTIPLIER_BITS, "shift": SHIFT_BITS})
"""A requantiser's constants."""

_BIAS_DELAY = 2
"""Cycles from accumulators to their sums with the bias: parameters, sum."""


class ResultTag(data.StructLayout):
    """Which results these are: whether their row exists, their group of columns, and how many columns of the tile
    exist."""

    def __init__(self, g: Geometry) -> None:
        super().__init__({"row_exists": 1, "part": range(g.parts), "cols": range(g.cols + 1)})


class Results(data.StructLayout):
    """``lanes`` results of one row for memory, while ``valid``: ``wide`` holds int32 results, ``narrow`` int16 ones, or
    int8 ones in its lower halves."""

    def __init__(self, g: Geometry) -> None:
        super().__init__(
            {
                "valid": 1,
                "tag": ResultTag(g),
                "wide": data.ArrayLayout(signed(ACCUMULATOR_BITS), g.lanes),
                "narrow": data.ArrayLayout(signed(SCORE_BITS), g.lanes),
            }
        )


class ScoreTag(data.StructLayout):
    """Which scores these are: ``allowed`` keys may be attended to; ``buffer``, ``row`` and ``group`` say where they
    stand; they are the ``first`` of their row, or the ``final`` ones of their tile, of which ``rows`` exist."""

    def __init__(self, g: Geometry) -> None:
        super().__init__(
            {
                "allowed": g.lanes,
                "buffer": 1,
                "row": range(g.rows),
                "group": range(g.groups),
                "first": 1,
                "final": 1,
                "rows": range(g.rows + 1),
            }
        )


class Scores(data.StructLayout):
    """``lanes`` scores of one row, while ``valid``."""

    def __init__(self, g: Geometry) -> None:
        super().__init__({"valid": 1, "tag": ScoreTag(g), "score": data.ArrayLayout(signed(SCORE_BITS), g.lanes)})


class Drain(wiring.Component):
    """``lanes`` requantisers, each with its constants of the present cycle.

    Members
    -------
    drained : Drained, in; from the array.
    ended : geometry.tile, in; the tile it belongs to, valid from a cycle before the first accumulators of the tile
        until as many before the next tile's.
    width : Width, in; of the results in memory.
    with_params : 1, in; column parameters are in use (zero bias otherwise).
    slot, part : as in geometry.tile and range(parts), out; whose parameters ``columns`` are wanted, in the same cycle.
    columns : ``lanes`` times COLUMN, in.
    score_scale : REQUANTISER, in; of scores.
    buffer, row : 1 and range(rows), out; whose ``row_scale`` is wanted, in the same cycle.
    row_scale : REQUANTISER, in.
    group : range(groups), out; whose ``key_mask`` is wanted, in the same cycle.
    key_mask : ``lanes`` bits, in; keys that may be attended to.
    results : Results, out; of GEMM and VALUE.
    scores : Scores, out; of SCORE.
    release_b : 1, out; a tile that releases B has left, and its column parameters have been read; one cycle.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = g = geometry
        self._lanes = [Requantiser(ACCUMULATOR_BITS, SCORE_BITS) for _ in range(g.lanes)]
        super().__init__(
            {
                "drained": In(Drained(g.rows, g.cols, g.lanes, g.acc_bits)),
                "ended": In(g.tile),
                "width": In(Width),
                "with_params": In(1),
                "columns": In(COLUMN).array(g.lanes),
                "score_scale": In(REQUANTISER),
                "row_scale": In(REQUANTISER),
                "key_mask": In(g.lanes),
                "slot": Out(g.tile["slot"].shape),
                "part": Out(range(g.parts)),
                "row": Out(range(g.rows)),
                "buffer": Out(1),
                "group": Out(range(g.groups)),
                "results": Out(Results(g)),
                "scores": Out(Scores(g)),
                "release_b": Out(1),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from accumulators to int8 and int16 results, and to scores."""
        return _BIAS_DELAY + self._lanes[0].delay

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        tile = Signal(g.tile)
        start = self.drained.valid & (self.drained.row == 0) & (self.drained.part == 0)
        held = Signal(g.tile)
        with m.If(start):
            m.d.sync += held.eq(self.ended)
        m.d.comb += [
            tile.eq(Mux(start, self.ended, held)),
            self.slot.eq(tile.slot),
            self.part.eq(self.drained.part),
            self.row.eq(self.drained.row),
            self.buffer.eq(tile.buffer),
            self.group.eq(tile.group + self.drained.part),
        ]
        end = (self.drained.row == g.rows - 1) & (self.drained.part == g.parts - 1)
        m.d.comb += self.release_b.eq(self.drained.valid & end & tile.release_b)
        acc = delayed(m, self.drained.acc, 1)[1]
        kind = delayed(m, tile.kind, 1)[1]
        wide = Results(g)["wide"].shape
        biased = Signal(wide, reset_less=True)
        for lane, requantiser in enumerate(self._lanes):
            m.submodules[f"lane_{lane}"] = requantiser
            column = delayed(m, self.columns[lane], 1)[1]
            row_scale = delayed(m, self.row_scale, 1)[1]
            bias = Mux((kind == Kind.GEMM) & self.with_params, column.bias.as_signed(), 0)
            scale = Signal(REQUANTISER, reset_less=True, name=f"scale_{lane}")
            with m.Switch(kind):
                with m.Case(Kind.GEMM):
                    m.d.sync += [scale.multiplier.eq(column.multiplier), scale.shift.eq(column.shift)]
                with m.Case(Kind.SCORE):
                    m.d.sync += scale.eq(self.score_scale)
                with m.Default():
                    m.d.sync += scale.eq(row_scale)
            m.d.sync += biased[lane].eq(acc[lane] + bias)
            m.d.comb += [
                requantiser.acc.eq(biased[lane]),
                requantiser.multiplier.eq(scale.multiplier),
                requantiser.shift.eq(scale.shift),
                self.scores.score[lane].eq(requantiser.result),
                self.results.wide[lane].eq(biased[lane]),
                self.results.narrow[lane].eq(_saturate(requantiser.result, self.width == Width.INT16)),
            ]

        self._tag_results(m, tile)
        self._tag_scores(m, tile)
        return m

    def _tag_results(self, m: Module, tile: data.View) -> None:
        g = self._geometry
        tag = Signal(ResultTag(g))
        m.d.comb += [
            tag.row_exists.eq(self.drained.row < tile.rows),
            tag.part.eq(self.drained.part),
            tag.cols.eq(tile.cols),
        ]
        # A command with wide results leaves nothing in the long pipeline for the next command to find.
        to_memory = self.drained.valid & (tile.kind != Kind.SCORE)
        wide = self.width == Width.INT32
        wide_valid = delayed(m, to_memory & wide, _BIAS_DELAY, reset=True)[-1]
        narrow_valid = delayed(m, to_memory & ~wide, self.delay, reset=True)[-1]
        tags = delayed(m, tag, self.delay)
        m.d.comb += [
            self.results.valid.eq(wide_valid | narrow_valid),
            self.results.tag.eq(Mux(wide, tags[_BIAS_DELAY], tags[-1])),
        ]

    def _tag_scores(self, m: Module, tile: data.View) -> None:
        """A key is allowed when it exists, the causal mask reaches it and its bit of the key mask is one."""
        g = self._geometry
        drained = self.drained
        begin = drained.part * g.lanes
        exist = Signal(signed(bits_for(g.cols, require_sign_bit=True)), reset_less=True)
        reach = Signal(signed(bits_for(max(g.rows, g.cols), require_sign_bit=True) + 2), reset_less=True)
        mask = delayed(m, self.key_mask, 1)[1]
        m.d.sync += [exist.eq(tile.cols - begin), reach.eq(tile.reach + drained.row - begin)]
        place = Signal(ScoreTag(g))
        m.d.comb += [
            place.buffer.eq(tile.buffer),
            place.row.eq(drained.row),
            place.group.eq(self.group),
            place.first.eq(tile.first & (drained.part == 0)),
            place.final.eq(tile.last & (drained.row == g.rows - 1) & (drained.part == g.parts - 1)),
            place.rows.eq(tile.rows),
        ]
        checked = Signal(ScoreTag(g))
        m.d.comb += [
            checked.eq(delayed(m, place, 1)[1]),
            checked.allowed.eq(Cat((exist > lane) & (reach > lane) & mask[lane] for lane in range(g.lanes))),
        ]
        is_score = drained.valid & (tile.kind == Kind.SCORE)
        m.d.comb += [
            self.scores.valid.eq(delayed(m, is_score, self.delay, reset=True)[-1]),
            self.scores.tag.eq(delayed(m, checked, self.delay - 1)[-1]),
        ]


def _saturate(value: Signal, whole: Signal) -> Cat:
    """A signed 16-bit value, ``whole``, or clamped to signed 8 bits (then only the lower half counts)."""
    keep = whole | (value[7:] == 0) | value[7:].all()
    return Cat(Mux(keep, value[:8], Cat((~value[-1]).replicate(7), value[-1])), value[8:])
