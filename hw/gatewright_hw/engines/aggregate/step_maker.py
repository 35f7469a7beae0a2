"""Makes steps of edges: of each edge the index of its row of X, and of up to ``edges`` of one row of the matrix a step.

The rows of X come through as many readers as a step has edges, in turns: of two edges one is read while the other is,
whichever rows of the matrix they belong to, so that the readers have equal work even where most rows have one edge. An
edge takes the place in its step that its reader has, and their order in a step does not matter, since it is a sum.

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

    Members
    -------
    edge : stream of Edge, in.
    ended : 1, in; behind an edge that waits here none comes: one that waits for another of its row is a step alone.
    index : stream of INDEX_BITS, out; rows of X, the first through the first reader, and on in turns.
    step : stream of ``step_layout(edges)``, out.
    idle : 1, out; no edge is here.
    """

    def __init__(self, edges: int) -> None:
        self._edges = in_range("StepMaker", "edges", edges, 1, 2)
        super().__init__(
            {
                "edge": In(stream.Signature(Edge)),
                "ended": In(1),
                "index": Out(stream.Signature(INDEX_BITS)),
                "step": Out(stream.Signature(step_layout(edges))),
                "idle": Out(1),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        edge, step = self.edge.payload, self.step.payload
        fits = Signal()  # the present edge has a place
        taken = self.edge.valid & self.edge.ready
        m.d.comb += [
            self.index.payload.eq(edge.col),
            self.index.valid.eq(self.edge.valid & ~edge.empty & fits),
            self.edge.ready.eq(fits & (self.index.ready | edge.empty)),
        ]
        if self._edges == 1:
            m.d.comb += [
                fits.eq(self.step.ready),
                self.step.valid.eq(self.edge.valid & (self.index.ready | edge.empty)),
                step.weight[0].eq(edge.weight),
                step.used.eq(~edge.empty),
                step.first.eq(edge.first),
                step.last.eq(edge.last),
                self.idle.eq(~self.edge.valid),
            ]
            return m

        there = Signal()  # a step is here, whole or not
        turn = Signal()
        begins = Signal()
        m.d.comb += [
            self.step.valid.eq(there & (step.last | step.used.all() | (self.ended & ~self.edge.valid))),
            begins.eq(~there | step.last | step.used.all()),
            fits.eq(~begins | ~there | self.step.ready),
            self.idle.eq(~self.edge.valid & ~there),
        ]
        with m.If(self.step.valid & self.step.ready):
            m.d.sync += there.eq(0)
        with m.If(taken):
            m.d.sync += [there.eq(1), step.last.eq(edge.last), turn.eq(turn ^ ~edge.empty)]
            with m.If(begins):
                m.d.sync += [step.first.eq(edge.first), step.used.eq(0)]
                m.d.sync += [weight.eq(0) for weight in step.weight]
            for place in range(self._edges):
                with m.If((turn == place) & ~edge.empty):
                    m.d.sync += [step.weight[place].eq(edge.weight), step.used[place].eq(1)]
        return m
