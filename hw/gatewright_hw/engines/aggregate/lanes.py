"""Multiply-accumulate lanes: ``acc[word] += weight * X[word]`` for eight features a cycle.

Formats
    features      int8, eight to a 64-bit word
    weight        int16
    accumulator   signed, AGGREGATE_ACCUMULATOR_BITS, wraps

A row's accumulators lie in a memory, eight to a word. What the memory holds is not added to a row's first edge, and
with the last edge the sums go out; so rows follow each other without a gap, and nothing is ever cleared or drained.

Throughput: one word a cycle. A word can be read again four cycles after its last use (read, multiply, add, write), so
edges of fewer than four words (features <= 24) take four cycles each, but for a row's first. Latency: ``delay`` cycles.
Area: one DSP48E1 per lane (A, B -> M -> P = M + C).
"""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from gatewright.spec.csr import WEIGHT_BITS
from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS
from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.parts.parameters import in_range

__all__ = ["LANES", "AccumulatorLanes", "Step"]

LANES = BUS_BYTES
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
    words : most words of a row, 1..1024.

    Members
    -------
    step : stream of Step, in; one per edge, in the order of the features.
    features : stream of 64 bits, in; the rows of X, word by word.
    last_word : in; words of a row minus one, constant while steps come.
    room : 1, in; a word may be sent out; read in the cycle of ``launch``.
    launch : 1, out; a word's last edge is taken; its accumulators follow ``delay`` cycles later.
    valid, acc : 1 and eight of signed(AGGREGATE_ACCUMULATOR_BITS), out; a word of a finished row.
    """

    delay = 3
    """Cycles from ``launch`` to ``valid``: operand, product and sum registers."""

    def __init__(self, words: int) -> None:
        self._words = in_range("AccumulatorLanes", "words", words, 1, 1024)
        index_bits = max(1, ceil_log2(self._words))
        super().__init__(
            {
                "step": In(stream.Signature(Step)),
                "features": In(stream.Signature(_FEATURE_BITS * LANES)),
                "last_word": In(index_bits),
                "room": In(1),
                "launch": Out(1),
                "valid": Out(1),
                "acc": Out(data.ArrayLayout(signed(AGGREGATE_ACCUMULATOR_BITS), LANES)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        layout = self.acc.shape()
        m.submodules.accumulators = accumulators = memory.Memory(shape=layout, depth=self._words, init=[])
        read, write = accumulators.read_port(), accumulators.write_port()

        stage = data.StructLayout({"valid": 1, "last": 1, "word": len(self.last_word)})
        stages = [Signal(stage, name=f"stage_{i}") for i in range(self.delay)]

        step = self.step.payload
        word = Signal.like(self.last_word)
        fire, busy = Signal(), Signal()
        m.d.comb += [
            busy.eq(Cat(s.valid & (s.word == word) for s in stages).any() & ~step.first),
            fire.eq(self.step.valid & (self.features.valid | step.empty) & ~busy & (self.room | ~step.last)),
            self.features.ready.eq(fire & ~step.empty),
            self.step.ready.eq(fire & (word == self.last_word)),
            self.launch.eq(fire & step.last),
            read.addr.eq(word),
        ]
        with m.If(fire):
            m.d.sync += word.eq(Mux(word == self.last_word, 0, word + 1))

        m.d.sync += [stages[0].valid.eq(fire), stages[0].last.eq(step.last), stages[0].word.eq(word)]
        m.d.sync += [after.eq(before) for before, after in pairwise(stages)]

        first = Signal()
        weight = Signal(signed(WEIGHT_BITS))
        m.d.sync += [first.eq(step.first), weight.eq(step.weight)]
        for lane in range(LANES):
            feature = Signal(signed(_FEATURE_BITS), name=f"feature_{lane}")
            product = Signal(signed(_FEATURE_BITS + WEIGHT_BITS), name=f"product_{lane}")
            before = Signal(signed(AGGREGATE_ACCUMULATOR_BITS), name=f"before_{lane}")
            m.d.sync += [
                feature.eq(self.features.payload.word_select(lane, _FEATURE_BITS)),
                product.eq(feature * weight),
                before.eq(Mux(first, 0, read.data[lane])),
                self.acc[lane].eq(product + before),
            ]
        m.d.comb += [
            write.addr.eq(stages[-1].word),
            write.data.eq(self.acc),
            write.en.eq(stages[-1].valid),
            self.valid.eq(stages[-1].valid & stages[-1].last),
        ]
        return m
