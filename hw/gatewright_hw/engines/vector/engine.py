"""The vector engine: ``Y = out(function(combine(A, B)))`` on [rows, cols] elements; see :mod:`gatewright.spec.vector`.

    A --+--> records, table --------+
        +--> groups --+             v
    B -----> groups --+--> VectorDatapath --> beats --> Y

Throughput: one group of ``vector_lanes`` elements a cycle; four of int16 are one 64-bit beat. A group takes two cycles
where A or B is int32, or where Y is and a group is more than a beat. Rows follow each other without a gap: while one is
scaled, the next come in and the last goes out; but a row of a norm takes at least ``RowScale.norm_cycles``, one of a
softmax ``RowScale.softmax_cycles``. Latency: 20 to 50 cycles besides the memory's.

Memory traffic: the output records, the table (TABLE only), then A and B (not for ALONE), each row once (a stride of 0
reads it again for each row), Y once. Rows that follow each other without a gap are read and written in whole bursts.

Records and table come with A's reader, ahead of A, so that their order needs no other care.

With an epilogue A comes from the gemm engine: rows of tiles, whose places it tells (:mod:`.product_rows`), and whose
number only it knows. B is then the epilogue's D.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In
from amaranth.utils import exact_log2

from gatewright.spec.commands import GEMM, VECTOR
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS
from gatewright.spec.vector import TABLE_BYTES, Combine, ElementType, Function
from gatewright_hw.bus.reader import BurstReader
from gatewright_hw.bus.spread import spread_readers
from gatewright_hw.engines.command_control import CommandControl
from gatewright_hw.engines.epilogue import EpilogueSignature
from gatewright_hw.engines.interface import EngineSignature, command_layout
from gatewright_hw.engines.vector.datapath import VectorDatapath
from gatewright_hw.engines.vector.groups import takes_two_beats
from gatewright_hw.engines.vector.product_rows import ProductRows
from gatewright_hw.engines.vector.record_loader import RecordLoader
from gatewright_hw.engines.vector.row_packer import RowPacker
from gatewright_hw.engines.vector.row_transfers import RowTransfers
from gatewright_hw.engines.vector.unpacker import Unpacker
from gatewright_hw.parts.delay import delayed

__all__ = ["VectorEngine"]

_B_DEPTH = 4 * MAX_BURST_BEATS
_SETTLE = 2
"""Cycles: what follows from the command, and what the parts derive from that, is registered."""


_WORK_FIELDS = (
    *("combine", "combine_shift", "a_multiplier", "b_multiplier", "function"),
    *("a_type", "b_type", "y_type", "params_addr", "table_addr"),
)
"""Fields of a command that say what is done, whatever rows it is done to."""


def _work_layout(max_columns: int) -> data.StructLayout:
    """What the engine is doing: fields and flags of a command; ``walks``: its rows are those of its matrices; columns
    of what is computed, which may have a record each, and those of a row."""
    fields = {name: Shape(VECTOR.field(name).width, signed=VECTOR.field(name).signed) for name in _WORK_FIELDS}
    columns = range(max_columns + 1)
    return data.StructLayout(
        {**fields, "b_column": 1, "per_column": 1, "walks": 1, "cols": columns, "row_cols": columns}
    )


def _row_bytes(cols: Value, kind: Value) -> Value:
    """Bytes of a row of ``cols`` elements of the ``ElementType`` ``kind``."""
    row_bytes = cols
    for wide in (ElementType.INT16, ElementType.INT32):
        row_bytes = Mux(kind == wide, cols << exact_log2(wide.nbytes), row_bytes)
    return row_bytes


def _beats(row_bytes: Value) -> Value:
    """Beats of a row."""
    return row_bytes + (BUS_BYTES - 1) >> exact_log2(BUS_BYTES)


def _last_strobes(row_bytes: Value) -> Value:
    """Byte enables of the last beat of a row."""
    used = row_bytes[: exact_log2(BUS_BYTES)]
    return Mux(used == 0, (1 << BUS_BYTES) - 1, (Const(1) << used) - 1)[:BUS_BYTES]


class VectorEngine(wiring.Component):
    """Runs VECTOR commands, and epilogues. There is no error to report.

    Parameters
    ----------
    config : ``max_columns`` sizes the row buffers and the memory of output records, ``vector_lanes`` the groups,
        ``outstanding`` the bursts of A in flight.

    Members
    -------
    epilogue : :class:`.epilogue.EpilogueSignature`, in; where the configuration has epilogues.
    others : as in :class:`.interface.EngineSignature`.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self._config = config
        members = dict(EngineSignature(min(config.read_ports, 2)).members)
        if config.epilogue:
            members["epilogue"] = In(EpilogueSignature(config.max_columns))
        super().__init__(members)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        columns, lanes = self._config.max_columns, self._config.vector_lanes
        outstanding = self._config.outstanding
        m.submodules.a_reader = a_reader = BurstReader(min(outstanding * MAX_BURST_BEATS, 256), outstanding)
        m.submodules.b_reader = b_reader = BurstReader(_B_DEPTH, min(outstanding, _B_DEPTH // 2))
        m.submodules.loader = loader = RecordLoader(columns)
        m.submodules.a_unpacker = a_unpacker = Unpacker(columns, lanes)
        m.submodules.b_unpacker = b_unpacker = Unpacker(columns, lanes)
        m.submodules.datapath = datapath = VectorDatapath(columns, lanes)
        m.submodules.packer = packer = RowPacker(columns, lanes)
        m.submodules.a_rows = a_rows = RowTransfers(columns)
        m.submodules.b_rows = b_rows = RowTransfers(columns)
        spread_readers(m, [[a_reader.port], [b_reader.port]], self.read, min(2 * outstanding, 64))
        wiring.connect(m, packer.port, wiring.flipped(self.write))

        # The command, and what follows from it one cycle later.
        m.submodules.control = control = CommandControl(_SETTLE)
        wiring.connect(m, wiring.flipped(self.command), control.command)
        command = command_layout(VECTOR)(control.taken)
        work, start = Signal(_work_layout(columns)), Signal()
        m.d.comb += [
            *(work[name].eq(command[name]) for name in _WORK_FIELDS),
            *(work[name].eq(command.flags[name]) for name in ("b_column", "per_column")),
            work.walks.eq(1),
            work.cols.eq(command.cols),
            work.row_cols.eq(command.cols),
            start.eq(control.start),
        ]
        setup = Signal(datapath.setup.shape())
        beats = Signal(data.StructLayout({operand: packer.matrix.beats.shape() for operand in "aby"}))
        alone = work.combine == Combine.ALONE
        row_bytes = {operand: _row_bytes(work.row_cols, work[f"{operand}_type"]) for operand in "aby"}
        is_long = {operand: work[f"{operand}_type"] == ElementType.INT32 for operand in "aby"}
        m.d.sync += [
            beats.a.eq(_beats(row_bytes["a"])),
            beats.b.eq(Mux(work.b_column, 1, _beats(row_bytes["b"]))),
            beats.y.eq(_beats(row_bytes["y"])),
            packer.strb.eq(_last_strobes(row_bytes["y"])),
            setup.combination.kind.eq(work.combine),
            setup.combination.shift.eq(work.combine_shift),
            *(setup.combination[name].eq(work[name]) for name in ("a_multiplier", "b_multiplier")),
            *(setup[name].eq(work[name]) for name in ("function", "y_type", "cols", "per_column")),
            setup.epsilon.eq(Cat(command.epsilon, command.epsilon_high)),
            setup.row.last_group.eq((work.row_cols - 1) // lanes),
            setup.row.tail.eq(work.row_cols % lanes),
            setup.slow.eq(is_long["a"] | (is_long["b"] & ~alone) | (is_long["y"] if takes_two_beats(lanes) else 0)),
        ]

        with_table = setup.function == Function.TABLE
        m.d.comb += [
            *(rows.start.eq(start) for rows in (a_rows, packer)),
            b_rows.start.eq(start & ~alone),
        ]
        for rows, operand in ((a_rows, "a"), (b_rows, "b"), (packer, "y")):
            m.d.comb += [
                rows.matrix.addr.eq(command[f"{operand}_addr"]),
                rows.matrix.stride.eq(command[f"{operand}_stride"]),
                rows.matrix.rows.eq(Mux(work.walks, command.rows, 0)),
                rows.matrix.beats.eq(beats[operand]),
            ]

        # A's reader brings output records, table and A, B's reader B.
        waits = Signal(2)  # for its transfer: the output records, the table
        with m.If(a_reader.descriptor.ready):
            m.d.sync += waits.eq(Mux(waits[0], waits & 0b10, 0))
        with m.If(start):
            m.d.sync += waits.eq(Cat(1, with_table))
        records = Mux(setup.per_column, setup.cols, 1)
        with m.If(waits[0]):
            m.d.comb += [
                a_reader.descriptor.valid.eq(1),
                a_reader.descriptor.payload.addr.eq(work.params_addr),
                a_reader.descriptor.payload.beats.eq(records),
            ]
        with m.Elif(waits[1]):
            m.d.comb += [
                a_reader.descriptor.valid.eq(1),
                a_reader.descriptor.payload.addr.eq(work.table_addr),
                a_reader.descriptor.payload.beats.eq(TABLE_BYTES // BUS_BYTES),
            ]
        with m.Else():
            m.d.comb += [
                a_reader.descriptor.valid.eq(a_rows.descriptor.valid),
                a_reader.descriptor.payload.eq(a_rows.descriptor.payload),
                a_rows.descriptor.ready.eq(a_reader.descriptor.ready),
            ]
        wiring.connect(m, b_rows.descriptor, b_reader.descriptor)

        wiring.connect(m, a_reader.data, loader.beats)
        wiring.connect(m, b_reader.data, b_unpacker.beats)
        wiring.connect(m, loader.output_records, datapath.output_records)
        wiring.connect(m, loader.table_records, datapath.table_records)
        wiring.connect(m, a_unpacker.group, datapath.a)
        wiring.connect(m, b_unpacker.group, datapath.b)
        wiring.connect(m, datapath.departure, packer.departure)
        m.d.comb += [
            loader.start.eq(start),
            loader.last_record.eq(records - 1),
            loader.with_table.eq(with_table),
            a_unpacker.kind.eq(work.a_type),
            a_unpacker.beats.payload.eq(loader.rest.payload),
            a_unpacker.beats.valid.eq(loader.rest.valid),
            loader.rest.ready.eq(a_unpacker.beats.ready),
            a_unpacker.row.eq(setup.row),
            b_unpacker.kind.eq(work.b_type),
            b_unpacker.column.eq(work.b_column),
            b_unpacker.row.eq(setup.row),
            datapath.setup.eq(setup),
            packer.kind.eq(setup.y_type),
            packer.row.eq(setup.row),
            packer.valid.eq(datapath.y_valid),
            packer.last.eq(datapath.y_last),
            packer.y.eq(datapath.y),
        ]
        m.d.comb += [control.finished.eq(packer.idle), self.done.eq(control.done)]
        if self._config.epilogue:
            m.submodules.product_rows = rows = ProductRows(columns, lanes, self._config.array_cols)
            self._take_product(m, work, start, rows, packer.idle)
            wiring.connect(m, rows.d_place, b_rows.place)
            wiring.connect(m, rows.c_place, packer.place)
            wiring.connect(m, rows.first_group, datapath.first_group)
            m.d.comb += [
                rows.with_d.eq(~alone),
                rows.loaded.eq(loader.loaded),
                rows.a.ready.eq(a_unpacker.beats.ready),
                packer.more.eq(rows.more),
            ]
            with m.If(~work.walks):
                m.d.comb += [
                    a_unpacker.beats.payload.eq(rows.a.payload),
                    a_unpacker.beats.valid.eq(rows.a.valid),
                ]
        return m

    def _take_product(self, m: Module, work: data.View, start: Signal, rows: ProductRows, idle: Signal) -> None:
        """The epilogue of a product is the work from its beginning until all has been handed over and is in memory."""
        epilogue = self.epilogue
        product = command_layout(GEMM)(epilogue.command)
        chained, running = Signal(), Signal()
        begins = delayed(m, epilogue.begin, 1 + _SETTLE, reset=True)[-1]
        m.d.comb += epilogue.done.eq(running & epilogue.ended & idle)
        with m.If(epilogue.done):
            m.d.sync += [chained.eq(0), running.eq(0)]
        with m.If(epilogue.begin):
            m.d.sync += chained.eq(1)
        with m.If(begins):
            m.d.sync += running.eq(1)
            m.d.comb += start.eq(1)
        with m.If(chained):
            m.d.comb += [
                *(work[name].eq(product[name]) for name in ("combine", "combine_shift", "function", "table_addr")),
                work.a_multiplier.eq(product.p_multiplier),
                work.b_multiplier.eq(product.d_multiplier),
                work.a_type.eq(ElementType.INT16),
                *(work[name].eq(product.c_type) for name in ("b_type", "y_type")),
                work.params_addr.eq(product.out_addr),
                work.b_column.eq(0),
                work.per_column.eq(product.flags.per_column),
                work.walks.eq(0),
                work.cols.eq(product.n),
                work.row_cols.eq(self._config.array_cols),
            ]
        m.d.sync += rows.d_offset.eq(product.d_addr - product.c_addr)
        m.d.comb += [
            rows.place.payload.eq(epilogue.place.payload),
            rows.place.valid.eq(epilogue.place.valid & running),
            epilogue.place.ready.eq(rows.place.ready & running),
        ]
        wiring.connect(m, wiring.flipped(epilogue.beat), rows.beat)
