"""Makes steps of edges: of each edge the index of its row of X, and of up to ``edges`` of one row of the matrix a step.

The rows of X come through as many readers as a step has edges, in turns: of two edges one is read while the other is,
whichever rows of the matrix they belong to, so that the readers have equal work even where most rows have one edge. An
edge takes the place in its step that its reader has, and their order in a step does not matter, since it is a sum. Of
an edge whose row is kept on chip the step has the address there, and no index goes out.

Throughput: one edge a cycle.
"""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright_hw.engines.aggregate.csr_walker import INDEX_BITS, Edge
from gatewright_hw.engines.aggregate.lanes import step_layout
from gatewright_hw.parts.parameters import in_range

__all__ = ["StepMaker"]


class StepMaker(wiring.Component):
    """Joins edges to steps.

    Parameters
    ----------
    edges : most edges of a step, 1 or 2.
    store_bits : of the address of a word of a row that is kept; 0 if none are.

    Members
    -------
    edge : stream of Edge, in.
    ended : 1, in; behind an edge that waits here none comes: one that waits for another of its row is a step alone.
    slot_bits : in; a kept row takes 2**slot_bits words; constant while edges come.
    index : stream of INDEX_BITS, out; rows of X that are to be read.
    place : range(edges), out; through which of the readers, with ``index``.
    step : stream of ``step_layout(edges, store_bits)``, out.
    idle : 1, out; no edge is here.
    """

    def __init__(self, edges: int, store_bits: int = 0) -> None:
        self._edges = in_range("StepMaker", "edges", edges, 1, 2)
        self._store_bits = in_range("StepMaker", "store_bits", store_bits, 0, 16 if edges > 1 else 0)
        super().__init__(
            {
                "edge": In(stream.Signature(Edge)),
                "ended": In(1),
                "slot_bits": In(range(store_bits + 1)),
                "index": Out(stream.Signature(INDEX_BITS)),
                "place": Out(range(edges)),
                "step": Out(stream.Signature(step_layout(edges, store_bits))),
                "idle": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        edge, step = self.edge.payload, self.step.payload
        fits = Signal()  # the present edge has a place
        taken = self.edge.valid & self.edge.ready
        reads = ~edge.empty & ~edge.kept if self._store_bits else ~edge.empty
        m.d.comb += [
            self.index.payload.eq(edge.col),
            self.index.valid.eq(self.edge.valid & reads & fits),
            self.edge.ready.eq(fits & (self.index.ready | ~reads)),
        ]
        if self._edges == 1:
            m.d.comb += [
                fits.eq(self.step.ready),
                self.step.valid.eq(self.edge.valid & (self.index.ready | edge.empty)),
                step.weight[0].eq(edge.weight),
                step.comes.eq(~edge.empty),
                step.first.eq(edge.first),
                step.last.eq(edge.last),
                self.idle.eq(~self.edge.valid),
            ]
            return m

        there = Signal()  # a step is here, whole or not
        turn = self.place
        whole, begins = Signal(), Signal()
        full = (step.comes | step.kept).all() if self._store_bits else step.comes.all()
        m.d.comb += [
            whole.eq(step.last | full),
            self.step.valid.eq(there & (whole | (self.ended & ~self.edge.valid))),
            begins.eq(~there | whole),
            fits.eq(~begins | ~there | self.step.ready),
            self.idle.eq(~self.edge.valid & ~there),
        ]
        with m.If(self.step.valid & self.step.ready):
            m.d.sync += there.eq(0)
        with m.If(taken):
            m.d.sync += [there.eq(1), step.last.eq(edge.last), turn.eq(turn ^ ~edge.empty)]
            with m.If(begins):
                m.d.sync += [step.first.eq(edge.first), step.comes.eq(0)]
                m.d.sync += [weight.eq(0) for weight in step.weight]
                if self._store_bits:
                    m.d.sync += step.kept.eq(0)
            for place in range(self._edges):
                with m.If((turn == place) & ~edge.empty):
                    m.d.sync += [step.weight[place].eq(edge.weight), step.comes[place].eq(reads)]
                    if self._store_bits:
                        m.d.sync += [step.kept[place].eq(edge.kept), step.addr[place].eq(edge.col << self.slot_bits)]
        return m
