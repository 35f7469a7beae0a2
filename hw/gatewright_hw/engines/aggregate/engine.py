"""The aggregation engine: ``Y[i] = requantise(sum_e weight[e] * X[col[e]])``, e the edges of row i of a CSR matrix.

Formats
    row_ptr, col   u32
    weight         int16 fixed point; its binary point is folded into the requantiser
    X, Y           int8, rows of 1..max_features bytes at strides that are multiples of 8
    accumulators   signed, AGGREGATE_ACCUMULATOR_BITS

Structure (decoupled access and execute; the lanes see data in the order in which the access side asks for it)

    row_ptr, col, weight --> walk and check --> steps --+--> row addresses --> reads of X --+
      (three array fetches)                             |                                   v
                                                        +--> queue of steps ----> lanes --> requantise --> writes of Y

Throughput: ``aggregate_lanes`` features a cycle, a 64-bit word of X having 8. Up to eight lanes take one edge after
the other, in ``max(ceil(features / 8) * 8 / aggregate_lanes, 4)`` cycles each. Sixteen take two edges of a row, a word
of each a cycle, in ``max(ceil(features / 8), 3)`` cycles; the rows of X then come through two memory ports in turns,
and each port brings a part of the matrix besides. A row costs a port ``ceil(features / 8)`` cycles, the matrix 3 / 4 of
one an edge. So the ports are the limit from 25 features on, with two edges a step from 17 on, and with fewer than eight
lanes the lanes always are. Latency of a command on an idle memory: two dependent reads (column, then features) and the
write.

Memory traffic: each row pointer, column and weight once, in 16-beat bursts; each row of X that is kept once
(:mod:`gatewright.spec.kept_rows`), a word a cycle before the first step; one row of X per edge of another column; each
row of Y once. Edges of kept rows cost the ports nothing, so that the lanes are their limit.

Errors: BAD_ROW_POINTER, BAD_INDEX. Rows before the fault are written, no row of X is read for what comes behind it but
those that are kept, and what the array fetches hold by then is thrown away, so that the next command starts clean.

Row by row with one accumulator row is Gustavson, "Two Fast Algorithms for Sparse Matrices" (ACM TOMS 1978); access and
execute are decoupled by queues as in Smith, "Decoupled Access/Execute Computer Architectures" (ISCA 1982).
"""

from amaranth.hdl import Array, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.utils import exact_log2

from gatewright.spec.commands import AGGREGATE
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.csr import WEIGHT_BITS
from gatewright.spec.errors import ErrorCode
from gatewright.spec.kept_rows import LEAST_USES_BITS
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright_hw.bus.ports import WORD_LSB
from gatewright_hw.bus.reader import BurstReader
from gatewright_hw.bus.spread import spread_readers
from gatewright_hw.engines.aggregate.array_fetch import ArrayFetch
from gatewright_hw.engines.aggregate.csr_walker import INDEX_BITS, CsrWalker
from gatewright_hw.engines.aggregate.lanes import AccumulatorLanes, step_layout
from gatewright_hw.engines.aggregate.row_address import RowAddress
from gatewright_hw.engines.aggregate.row_store import RowStore
from gatewright_hw.engines.aggregate.row_writer import RowWriter
from gatewright_hw.engines.aggregate.step_maker import StepMaker
from gatewright_hw.engines.command_control import CommandControl
from gatewright_hw.engines.interface import EngineSignature, command_layout
from gatewright_hw.parts.queue import Queue

__all__ = ["AggregateEngine"]

_MAX_IN_FLIGHT = 64
_ADDRESSES = 8
"""More than the pipeline of row addresses holds."""
_SETTLE = 4
"""Cycles from a command to how many rows of X are kept: words of a row, of its slot, room for rows, their number."""


class AggregateEngine(wiring.Component):
    """Runs AGGREGATE commands; members as in :class:`.interface.EngineSignature`.

    Parameters
    ----------
    config : ``max_features`` sizes the accumulator memory, ``aggregate_lanes`` the lanes and the row writer,
        ``kept_words`` the store of rows, ``edge_fifo`` the queue of steps between access and execute, ``outstanding``
        the bursts of X in flight through each of the readers.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self._config = config
        super().__init__(EngineSignature(min(config.read_ports, 2)))

    def elaborate(self, _platform: object) -> Module:
        config = self._config
        m = Module()
        m.submodules.row_ptr = row_ptr = ArrayFetch(INDEX_BITS, INDEX_BITS + 1)
        m.submodules.col = col = ArrayFetch(INDEX_BITS, INDEX_BITS)
        m.submodules.weight = weight = ArrayFetch(WEIGHT_BITS, INDEX_BITS)
        edges = config.aggregate_edges
        depth = min(config.outstanding * MAX_BURST_BEATS, 512)
        x = [BurstReader(depth, config.outstanding) for _ in range(edges)]
        for index, reader in enumerate(x):
            m.submodules[f"x_{index}"] = reader
        m.submodules.walk = walk = CsrWalker()
        m.submodules.address = address = RowAddress()
        store_bits = exact_log2(config.kept_words) if config.kept_words else 0
        row_words, group = config.max_features // BUS_BYTES, config.aggregate_lanes // edges
        m.submodules.maker = maker = StepMaker(edges, store_bits)
        m.submodules.steps = steps = Queue(step_layout(edges, store_bits), config.edge_fifo)
        m.submodules.lanes = lanes = AccumulatorLanes(row_words, group, edges, store_bits)
        m.submodules.rows = rows = RowWriter(config.max_features, group)
        fetches = {"row_ptr": row_ptr, "col": col, "weight": weight}

        in_flight = min(config.outstanding + 4 * len(fetches), _MAX_IN_FLIGHT)
        rows_of_x = [reader.port for reader in x]
        if edges == 1:
            ports = [[row_ptr.port, col.port, weight.port], rows_of_x]
        else:
            ports = [[row_ptr.port, col.port, rows_of_x[0]], [weight.port, rows_of_x[1]]]
        spread_readers(m, ports, self.read, in_flight)
        wiring.connect(m, rows.port, wiring.flipped(self.write))

        m.submodules.control = control = CommandControl(settle=_SETTLE if store_bits else 0)
        wiring.connect(m, wiring.flipped(self.command), control.command)
        command = command_layout(AGGREGATE)(control.taken)
        stop = Signal()
        last_word = Signal.like(lanes.last_word)
        m.d.sync += last_word.eq((command.features - 1) >> WORD_LSB)
        m.d.comb += [
            row_ptr.count.eq(command.rows + 1),
            col.count.eq(command.nnz),
            weight.count.eq(command.nnz),
            *(fetch.addr.eq(command[f"{array}_addr"]) for array, fetch in fetches.items()),
            *(fetch.stop.eq(stop) for fetch in fetches.values()),
            *(fetch.start.eq(control.start) for fetch in fetches.values()),
            walk.start.eq(control.start),
            rows.start.eq(control.start),
            *(getattr(walk, name).eq(command[name]) for name in ("rows", "cols", "nnz")),
            address.base.eq(command.x_addr),
            address.stride.eq(command.x_stride),
            lanes.last_word.eq(last_word),
            rows.addr.eq(command.y_addr),
            rows.stride.eq(command.y_stride),
            *(getattr(rows, name).eq(command[name]) for name in ("features", "multiplier", "shift")),
        ]
        for array, fetch in fetches.items():
            wiring.connect(m, fetch.element, getattr(walk, array))

        # Access: rows of X are asked for, those that are kept before those of edges, each through one of the readers.
        wiring.connect(m, walk.edge, maker.edge)
        wiring.connect(m, maker.step, steps.i)
        m.d.comb += maker.ended.eq(walk.finished)
        place: Value = Const(0)
        filling: Value = Const(0)
        if edges == 1:
            wiring.connect(m, maker.index, address.index)
        else:
            m.submodules.places = places = Queue(range(edges), _ADDRESSES, buffered=False)
            place = places.o.payload
            accept = Signal()
            edge_turn: Value = Const(1)
            row, row_place, row_valid = maker.index.payload, maker.place, maker.index.valid
            if config.kept_words:
                m.submodules.store = store = self._store(m, command, last_word, control.start, walk, maker)
                filling = store.filling
                m.d.comb += store.index.ready.eq(accept)
                edge_turn = ~store.index.valid
                row = Mux(store.index.valid, store.index.payload, row)
                row_place = Mux(store.index.valid, store.index.payload[0], row_place)
                row_valid = row_valid | store.index.valid
            m.d.comb += [
                accept.eq(address.index.ready & places.i.ready),
                maker.index.ready.eq(accept & edge_turn),
                address.index.payload.eq(row),
                address.index.valid.eq(row_valid & places.i.ready),
                places.i.payload.eq(row_place),
                places.i.valid.eq(row_valid & address.index.ready),
                places.o.ready.eq(address.addr.valid & address.addr.ready),
            ]
        m.d.comb += address.addr.ready.eq(Array(reader.descriptor.ready for reader in x)[place])
        for index, reader in enumerate(x):
            m.d.comb += [
                reader.descriptor.valid.eq(address.addr.valid & (place == index)),
                reader.descriptor.payload.addr.eq(address.addr.payload),
                reader.descriptor.payload.beats.eq(last_word + 1),
            ]

        # Execute, once all rows that are kept are there.
        for index, (reader, features) in enumerate(zip(x, lanes.features, strict=True)):
            if not config.kept_words:
                wiring.connect(m, reader.data, features)
                continue
            m.d.comb += [
                features.payload.eq(reader.data.payload),
                features.valid.eq(reader.data.valid),
                store.features[index].payload.eq(reader.data.payload),
                store.features[index].valid.eq(reader.data.valid),
                reader.data.ready.eq(Mux(filling, store.features[index].ready, features.ready)),
                store.addr[index].eq(lanes.store_addr[index]),
                lanes.store_data[index].eq(store.data[index]),
            ]
        m.d.comb += [
            lanes.step.payload.eq(steps.o.payload),
            lanes.step.valid.eq(steps.o.valid & ~filling),
            steps.o.ready.eq(lanes.step.ready),
            lanes.room.eq(rows.room),
            rows.launch.eq(lanes.launch),
            rows.valid.eq(lanes.valid),
            rows.acc.eq(lanes.acc),
        ]

        # When the walk has ended, what the array fetches still hold is thrown away, and what is on its way is written.
        at_rest = maker.idle & (steps.level == 0) & ~filling & rows.idle
        m.d.comb += [
            stop.eq(control.running & walk.finished),
            control.finished.eq(stop & row_ptr.idle & col.idle & weight.idle & at_rest),
            self.done.eq(control.done),
            self.error.eq(Mux(control.done, walk.error, ErrorCode.NONE)),
        ]
        return m

    def _store(
        self, m: Module, command: data.View, last_word: Signal, start: Value, walk: CsrWalker, maker: StepMaker
    ) -> RowStore:
        """The store of kept rows, how many these are by :func:`gatewright.spec.kept_rows.kept_rows`, and who must know.

        Registers settle one after the other before the start.
        """
        config = self._config
        store = RowStore(config.kept_words, config.max_features // BUS_BYTES)
        slot_bits, room = Signal.like(store.slot_bits), Signal.like(store.rows)
        for bit in range(len(last_word)):  # the highest one counts
            with m.If(last_word[bit]):
                m.d.comb += slot_bits.eq(bit + 1)
        often = (command.nnz >> LEAST_USES_BITS) >= command.cols
        kept = Signal.like(store.rows)
        m.d.sync += [
            store.slot_bits.eq(slot_bits),
            room.eq(config.kept_words >> store.slot_bits),
            kept.eq(Mux(often, Mux(command.cols < room, command.cols, room), 0)),
        ]
        m.d.comb += [
            store.start.eq(start),
            store.rows.eq(kept),
            store.last_word.eq(last_word),
            walk.kept.eq(kept),
            maker.slot_bits.eq(store.slot_bits),
        ]
        return store
