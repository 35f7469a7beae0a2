"""From groups of A and B to groups of Y: the pipelines of the vector engine and the queues between them.

    a, b --> combine --> v --+----------------- NONE ------------------+
                             +--> table ------- TABLE -----------------+--> out --> y
                             +--> statistics --+------> scale --+      |
                             |                 v (max)    ^     v      |
                             +--> values --+-> weights --sum   map ----+
                                           |      +-- SOFTMAX --^
                                           +------ norms -------^

Every pipeline runs freely at up to a group a cycle: whatever enters one has its place in the queue behind it. Groups
whose way has no queue (NONE, TABLE) take their place in the write queue, as those that leave ``map`` do.
"""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.vector import EPSILON_BITS, Combine, Function
from gatewright_hw.engines.vector.combine import COMBINATION, CombineLanes
from gatewright_hw.engines.vector.groups import Departure, group_counter, raw_group, row_layout, value_group
from gatewright_hw.engines.vector.map import MapLanes
from gatewright_hw.engines.vector.out import OutLanes
from gatewright_hw.engines.vector.record_loader import output_record_write, table_record_write
from gatewright_hw.engines.vector.row_scale import RowScale
from gatewright_hw.engines.vector.softmax_weights import SoftmaxWeights
from gatewright_hw.engines.vector.statistics import RowStatistics
from gatewright_hw.engines.vector.table import TableLanes
from gatewright_hw.engines.vector.weight_lanes import weight_group
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.promised_queue import PromisedQueue

__all__ = ["VectorDatapath", "setup_layout"]


def setup_layout(max_columns: int, lanes: int) -> data.StructLayout:
    """What a command means for the datapath.

    ``slow``: a group takes two cycles, since its elements are int32. ``row``: see :func:`.row_layout`. The others are
    fields and flags of the command.
    """
    return data.StructLayout(
        {
            "combination": COMBINATION,
            "function": 3,
            "epsilon": EPSILON_BITS,
            "y_type": 2,
            "per_column": 1,
            "cols": range(max_columns + 1),
            "row": row_layout(max_columns, lanes),
            "slow": 1,
        }
    )


class VectorDatapath(wiring.Component):
    """All stages of the engine.

    Parameters
    ----------
    max_columns : the widest row; a power of two times ``lanes``.
    lanes : elements of a group, a power of two.

    Members
    -------
    setup : :func:`setup_layout`, in; constant while groups are here.
    output_records, table_records : RecordWrite, in; before the first group.
    a, b : streams of :func:`.raw_group`, in; b is not taken when the combination is ALONE.
    first_group : stream of group indices, in; as that of OutLanes.
    departure : Departure, out; groups that set off to ``y``.
    y_valid, y_last, y : 1, 1 and :func:`.raw_group`, out; a group, and whether it ends its row.
    """

    def __init__(self, max_columns: int, lanes: int) -> None:
        self._max_columns, self._lanes = max_columns, lanes
        super().__init__(
            {
                "setup": In(setup_layout(max_columns, lanes)),
                "output_records": In(output_record_write(max_columns)),
                "table_records": In(table_record_write()),
                "a": In(stream.Signature(raw_group(lanes))),
                "b": In(stream.Signature(raw_group(lanes))),
                "first_group": In(stream.Signature(row_layout(max_columns, lanes)["last_group"].shape)),
                "departure": Out(Departure(max_columns, lanes)),
                "y_valid": Out(1),
                "y_last": Out(1),
                "y": Out(raw_group(lanes)),
            }
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        setup, departure = self.setup, self.departure
        columns, lanes = self._max_columns, self._lanes
        groups = columns // lanes
        m.submodules.combine = combine = CombineLanes(lanes)
        m.submodules.table = table = TableLanes(lanes)
        m.submodules.statistics = statistics = RowStatistics(columns, lanes)
        # One row is complete while the next one comes.
        m.submodules.values = values = PromisedQueue(value_group(lanes), 2 * groups + 1)
        m.submodules.weights = weights = SoftmaxWeights(columns, lanes)
        m.submodules.weight_queue = weight_queue = PromisedQueue(weight_group(lanes), 2 * groups + 1)
        m.submodules.scale = scale = RowScale(columns)
        m.submodules.map = mapped = MapLanes(columns, lanes)
        m.submodules.out = out = OutLanes(columns, lanes)

        softmax = setup.function == Function.SOFTMAX
        by_rows = Signal()
        m.d.sync += by_rows.eq((setup.function != Function.NONE) & (setup.function != Function.TABLE))

        # Groups enter; one of int32 as its high halves and then as its low halves.
        alone = setup.combination.kind == Combine.ALONE
        present = self.a.valid & (self.b.valid | alone)
        room = Mux(by_rows, values.room & statistics.room, departure.room)
        enters, halfway = Signal(), Signal()
        index, last = group_counter(m, enters, setup.row)
        begins = present & room & setup.slow & ~halfway
        m.d.comb += [
            enters.eq(Mux(setup.slow, halfway, present & room)),
            self.a.ready.eq(enters),
            self.b.ready.eq(enters & ~alone),
            combine.combination.eq(setup.combination),
            combine.wide.eq(setup.slow),
            combine.valid.eq(enters),
            combine.high.eq(setup.slow & ~halfway),
            combine.a.eq(self.a.payload),
            combine.b.eq(self.b.payload),
        ]
        m.d.sync += halfway.eq(begins)

        # By rows: statistics and values.
        v_last = delayed(m, last, combine.delay)[-1]
        m.d.comb += [
            statistics.row.eq(setup.row),
            statistics.centre.eq(setup.function == Function.LAYER_NORM),
            statistics.claim.eq(enters & last & by_rows),
            statistics.valid.eq(combine.v_valid & by_rows),
            statistics.last.eq(v_last),
            statistics.v.eq(combine.v),
            values.claim.eq(enters & by_rows),
            values.push.eq(combine.v_valid & by_rows),
            values.item.eq(combine.v),
        ]

        # Softmax: weights and their sums.
        m.d.comb += [
            weights.row.eq(setup.row),
            weights.statistics.payload.eq(statistics.o.payload),
            weights.statistics.valid.eq(statistics.o.valid & softmax),
            weights.values.payload.eq(values.o.payload),
            weights.values.valid.eq(values.o.valid & softmax),
            weights.room.eq(weight_queue.room),
            weight_queue.claim.eq(weights.claim),
            weight_queue.push.eq(weights.weights_valid),
            weight_queue.item.eq(weights.weights),
        ]
        wiring.connect(m, weights.sum, scale.sum)

        # The scale of each row, and its elements times that.
        m.d.comb += [
            scale.softmax.eq(softmax),
            scale.count.eq(setup.cols),
            scale.epsilon.eq(setup.epsilon),
            scale.statistics.payload.eq(statistics.o.payload),
            scale.statistics.valid.eq(statistics.o.valid & ~softmax),
            statistics.o.ready.eq(Mux(softmax, weights.statistics.ready, scale.statistics.ready)),
            mapped.softmax.eq(softmax),
            mapped.slow.eq(setup.slow),
            mapped.row.eq(setup.row),
            mapped.values.payload.eq(values.o.payload),
            mapped.values.valid.eq(values.o.valid & ~softmax),
            values.o.ready.eq(Mux(softmax, weights.values.ready, mapped.values.ready)),
            mapped.departure.room.eq(departure.room & by_rows),
        ]
        wiring.connect(m, scale.o, mapped.scale)
        wiring.connect(m, weight_queue.o, mapped.weights)

        # To memory.
        wiring.connect(m, wiring.flipped(self.output_records), out.load)
        wiring.connect(m, wiring.flipped(self.table_records), table.load)
        wiring.connect(m, wiring.flipped(self.first_group), out.first_group)
        m.d.comb += [
            table.valid.eq(combine.v_valid & (setup.function == Function.TABLE)),
            table.v.eq(combine.v),
            out.per_column.eq(setup.per_column),
            out.kind.eq(setup.y_type),
            out.row.eq(setup.row),
            departure.sent.eq(Mux(by_rows, mapped.departure.sent, enters)),
            departure.index.eq(Mux(by_rows, mapped.departure.index, index)),
            departure.last.eq(Mux(by_rows, mapped.departure.last, last)),
            self.y_valid.eq(out.y_valid),
            self.y_last.eq(out.y_last),
            self.y.eq(out.y),
        ]
        with m.Switch(setup.function):
            with m.Case(Function.NONE):
                m.d.comb += [out.valid.eq(combine.v_valid), out.z.eq(combine.v)]
            with m.Case(Function.TABLE):
                m.d.comb += [out.valid.eq(table.z_valid), out.z.eq(table.z)]
            with m.Default():
                m.d.comb += [out.valid.eq(mapped.z_valid), out.z.eq(mapped.z)]
        return m
