"""Multiply-accumulate lanes: ``acc[group] += weight * X[group]`` for a group of ``lanes`` features a cycle.

Formats
    features      int8, eight to a 64-bit word, which is one group or several
    weight        int16
    accumulator   signed, AGGREGATE_ACCUMULATOR_BITS, wraps

A row's accumulators lie in a memory, a group at an address. What the memory holds is not added to a row's first edge,
and with the last edge the sums go out; so rows follow each other without a gap, and nothing is ever cleared or drained.

Throughput: one group a cycle. A group can be read again four cycles after its last use (read, multiply, add, write),
so edges of fewer than four groups take four cycles each, but for a row's first. Latency: ``delay`` cycles. Area: one
DSP48E1 per lane (A, B -> M -> P = M + C).
"""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from gatewright.spec.csr import WEIGHT_BITS
from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS
from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.engines.aggregate.row_place import part_bits, row_place
from gatewright_hw.parts.parameters import in_range

__all__ = ["AccumulatorLanes", "Step"]

_FEATURE_BITS = 8


class Step(data.Struct):
    """What to do with one row of features; with ``empty`` there is none, and zeros go out."""

    weight: WEIGHT_BITS
    first: 1
    last: 1
    empty: 1


class AccumulatorLanes(wiring.Component):
    """The lanes and their accumulator memory.

    Parameters
    ----------
    words : most 64-bit words of a row, 1..1024.
    lanes : features of a group: 2, 4 or 8.

    Members
    -------
    step : stream of Step, in; one per edge, in the order of the features.
    features : stream of 64 bits, in; the rows of X, word by word.
    last_word : in; words of a row minus one, constant while steps come.
    room : 1, in; a group may be sent out; read in the cycle of ``launch``.
    launch : 1, out; a group's last edge is taken; its accumulators follow ``delay`` cycles later.
    valid, acc : 1 and ``lanes`` of signed(AGGREGATE_ACCUMULATOR_BITS), out; a group of a finished row.
    """

    delay = 3
    """Cycles from ``launch`` to ``valid``: operand, product and sum registers."""

    def __init__(self, words: int, lanes: int) -> None:
        self._words = in_range("AccumulatorLanes", "words", words, 1, 1024)
        self._lanes = lanes
        self._part_bits = part_bits("AccumulatorLanes", lanes)
        index_bits = max(1, ceil_log2(self._words))
        super().__init__(
            {
                "step": In(stream.Signature(Step)),
                "features": In(stream.Signature(_FEATURE_BITS * BUS_BYTES)),
                "last_word": In(index_bits),
                "room": In(1),
                "launch": Out(1),
                "valid": Out(1),
                "acc": Out(data.ArrayLayout(signed(AGGREGATE_ACCUMULATOR_BITS), lanes)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        layout = self.acc.shape()
        m.submodules.accumulators = accumulators = memory.Memory(
            shape=layout, depth=self._words << self._part_bits, init=[]
        )
        read, write = accumulators.read_port(), accumulators.write_port()

        fire, busy = Signal(), Signal()
        place = row_place(m, fire, self.last_word, self._part_bits)
        stage = data.StructLayout({"valid": 1, "last": 1, "group": len(place.group)})
        stages = [Signal(stage, name=f"stage_{i}") for i in range(self.delay)]

        step = self.step.payload
        m.d.comb += [
            busy.eq(Cat(s.valid & (s.group == place.group) for s in stages).any() & ~step.first),
            fire.eq(self.step.valid & (self.features.valid | step.empty) & ~busy & (self.room | ~step.last)),
            self.features.ready.eq(fire & ~step.empty & place.ends_word),
            self.step.ready.eq(fire & place.ends_row),
            self.launch.eq(fire & step.last),
            read.addr.eq(place.group),
        ]
        m.d.sync += [stages[0].valid.eq(fire), stages[0].last.eq(step.last), stages[0].group.eq(place.group)]
        m.d.sync += [after.eq(before) for before, after in pairwise(stages)]

        features = Signal(data.ArrayLayout(signed(_FEATURE_BITS), self._lanes))
        m.d.comb += features.eq(self.features.payload.word_select(place.part, len(features.as_value())))
        first = Signal()
        weight = Signal(signed(WEIGHT_BITS))
        m.d.sync += [first.eq(step.first), weight.eq(step.weight)]
        for lane in range(self._lanes):
            feature = Signal(signed(_FEATURE_BITS), name=f"feature_{lane}")
            product = Signal(signed(_FEATURE_BITS + WEIGHT_BITS), name=f"product_{lane}")
            before = Signal(signed(AGGREGATE_ACCUMULATOR_BITS), name=f"before_{lane}")
            m.d.sync += [
                feature.eq(features[lane]),
                product.eq(feature * weight),
                before.eq(Mux(first, 0, read.data[lane])),
                self.acc[lane].eq(product + before),
            ]
        m.d.comb += [
            write.addr.eq(stages[-1].group),
            write.data.eq(self.acc),
            write.en.eq(stages[-1].valid),
            self.valid.eq(stages[-1].valid & stages[-1].last),
        ]
        return m
