"""Multiply-accumulate lanes: ``acc[group] += sum_e weight[e] * X[e][group]`` for a group of ``lanes`` features of each
of ``edges`` edges a cycle.

Formats
    features      int8, eight to a 64-bit word, which is one group or several
    weight        int16
    accumulator   signed, AGGREGATE_ACCUMULATOR_BITS, wraps

A row's accumulators lie in a memory, a group at an address. What the memory holds is not added to a row's first step,
and with the last step the sums go out; so rows follow each other without a gap, and nothing is ever cleared or drained.

Throughput: one group of all edges of a step a cycle. A group can be read again ``reuse`` cycles after its last use, so
steps of fewer groups take as many cycles each, but for a row's first. Latency: ``delay`` cycles. Area: one DSP48E1 per
lane and edge. With one edge it adds the accumulator to its product (A, B -> M -> P = M + C). With two, one adds the
other's product to its own, and the accumulator is added in look-up tables.
"""

from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from gatewright.spec.csr import WEIGHT_BITS
from gatewright.spec.fixed import AGGREGATE_ACCUMULATOR_BITS
from gatewright.spec.memory import BUS_BYTES
from gatewright_hw.engines.aggregate.row_place import part_bits, row_place
from gatewright_hw.parts.parameters import in_range

__all__ = ["AccumulatorLanes", "step_layout"]

_FEATURE_BITS = 8


def step_layout(edges: int, store_bits: int = 0) -> data.StructLayout:
    """What to do with the rows of features of up to ``edges`` edges of one row of the matrix.

    ``comes`` has a bit for each whose row comes from memory, ``kept`` one for each whose row lies on chip, from
    ``addr`` of so many ``store_bits`` on. The weight of any other is 0; with none zeros go out.
    """
    weights = data.ArrayLayout(signed(WEIGHT_BITS), edges)
    kept = {"kept": edges, "addr": data.ArrayLayout(store_bits, edges)} if store_bits else {}
    return data.StructLayout({"weight": weights, "comes": edges, "first": 1, "last": 1, **kept})


class AccumulatorLanes(wiring.Component):
    """The lanes and their accumulator memory.

    Parameters
    ----------
    words : most 64-bit words of a row, 1..1024.
    lanes : features of a group: 2, 4 or 8.
    edges : most edges of a step, 1 or 2.
    store_bits : of the address of a kept row's word; 0 if none are kept.

    Members
    -------
    step : stream of ``step_layout(edges, store_bits)``, in; those of a row follow each other.
    features : ``edges`` streams of 64 bits, in; the rows of X of each place in the steps, word by word.
    store_addr, store_data : for each edge of a step an address, out, and the word there, in, a cycle later.
    last_word : in; words of a row minus one, constant while steps come.
    room : 1, in; a group may be sent out; read in the cycle of ``launch``.
    launch : 1, out; a group of a row's last step is taken; its accumulators follow ``delay`` cycles later.
    valid, acc : 1 and ``lanes`` of signed(AGGREGATE_ACCUMULATOR_BITS), out; a group of a finished row.
    """

    def __init__(self, words: int, lanes: int, edges: int, store_bits: int = 0) -> None:
        self._words = in_range("AccumulatorLanes", "words", words, 1, 1024)
        self._lanes = lanes
        self._edges = in_range("AccumulatorLanes", "edges", edges, 1, 2)
        self._store_bits = in_range("AccumulatorLanes", "store_bits", store_bits, 0, 16)
        self._part_bits = part_bits("AccumulatorLanes", lanes)
        index_bits = max(1, ceil_log2(self._words))
        super().__init__(
            {
                "step": In(stream.Signature(step_layout(edges, store_bits))),
                "features": In(stream.Signature(_FEATURE_BITS * BUS_BYTES)).array(edges),
                "store_addr": Out(store_bits).array(edges),
                "store_data": In(_FEATURE_BITS * BUS_BYTES).array(edges),
                "last_word": In(index_bits),
                "room": In(1),
                "launch": Out(1),
                "valid": Out(1),
                "acc": Out(data.ArrayLayout(signed(AGGREGATE_ACCUMULATOR_BITS), lanes)),
            }
        )

    @property
    def delay(self) -> int:
        """Cycles from ``launch`` to ``valid``: kept rows, operands, products, the sum of several products,
        accumulators."""
        return 3 + (self._edges > 1) + (self._store_bits > 0)

    @property
    def reuse(self) -> int:
        """Cycles from a group's use to its next: its sum is read, waits where a DSP48E1 adds, is added and written."""
        return 3 + (self._edges == 1)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        layout = self.acc.shape()
        m.submodules.accumulators = accumulators = memory.Memory(
            shape=layout, depth=self._words << self._part_bits, init=[]
        )
        read, write = accumulators.read_port(), accumulators.write_port()

        fire, busy = Signal(), Signal()
        place = row_place(m, fire, self.last_word, self._part_bits)
        stage = data.StructLayout({"valid": 1, "first": 1, "last": 1, "group": len(place.group)})
        stages = [Signal(stage, name=f"stage_{i}") for i in range(self.delay)]

        step = self.step.payload
        there = [~comes | features.valid for comes, features in zip(step.comes, self.features, strict=True)]
        m.d.comb += [
            busy.eq(Cat(s.valid & (s.group == place.group) for s in stages[: self.reuse - 1]).any() & ~step.first),
            fire.eq(self.step.valid & Cat(there).all() & ~busy & (self.room | ~step.last)),
            *(
                features.ready.eq(fire & comes & place.ends_word)
                for comes, features in zip(step.comes, self.features, strict=True)
            ),
            self.step.ready.eq(fire & place.ends_row),
            self.launch.eq(fire & step.last),
            read.addr.eq([place, *stages][-self.reuse].group),
        ]
        m.d.sync += [
            stages[0].valid.eq(fire),
            stages[0].first.eq(step.first),
            stages[0].last.eq(step.last),
            stages[0].group.eq(place.group),
        ]
        m.d.sync += [after.eq(before) for before, after in pairwise(stages)]

        products = [self._products(m, index, place.word, place.part) for index in range(self._edges)]
        for lane, terms in enumerate(zip(*products, strict=True)):
            before = Mux(stages[1 - self.reuse].first, 0, read.data[lane])
            if self._edges == 1:
                total, kept = terms[0], Signal(signed(AGGREGATE_ACCUMULATOR_BITS), name=f"before_{lane}")
                m.d.sync += [kept.eq(before), self.acc[lane].eq(total + kept)]
            else:
                total = Signal(signed(len(terms[0]) + 1), name=f"total_{lane}")
                m.d.sync += [total.eq(sum(terms)), self.acc[lane].eq(total + before)]
        m.d.comb += [
            write.addr.eq(stages[-1].group),
            write.data.eq(self.acc),
            write.en.eq(stages[-1].valid),
            self.valid.eq(stages[-1].valid & stages[-1].last),
        ]
        return m

    def _products(self, m: Module, index: int, at: Value, part: Value) -> list[Signal]:
        """Of the step's edge ``index``: its weight times a group's features, two cycles after these are there."""
        features = Signal(data.ArrayLayout(signed(_FEATURE_BITS), self._lanes), name=f"features_{index}")
        weight = Signal(signed(WEIGHT_BITS), name=f"weight_{index}")
        word, factor = self.features[index].payload, self.step.payload.weight[index]
        if self._store_bits:
            step = self.step.payload
            arrived, kept, waiting = Signal.like(word), Signal(), Signal.like(factor)
            m.d.comb += self.store_addr[index].eq(step.addr[index] | at)
            m.d.sync += [arrived.eq(word), kept.eq(step.kept[index]), waiting.eq(factor)]
            word, factor = Mux(kept, self.store_data[index], arrived), waiting
        m.d.comb += features.eq(word.word_select(part, len(features.as_value())))
        m.d.sync += weight.eq(factor)
        products = []
        for lane in range(self._lanes):
            feature = Signal(signed(_FEATURE_BITS), name=f"feature_{index}_{lane}")
            product = Signal(signed(_FEATURE_BITS + WEIGHT_BITS), name=f"product_{index}_{lane}")
            m.d.sync += [feature.eq(features[lane]), product.eq(feature * weight)]
            products.append(product)
        return products
