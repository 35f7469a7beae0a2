"""GEMM engine.

    GEMM       C = requantise(A B + bias)
    ATTENTION  O_h = softmax(Q_h K_h^T / sqrt(d) + mask) V_h

Data flow: burst reader -> loader -> operand banks -> array -> drain -> store -> burst writer, and for attention
drain -> softmax -> operand banks of A. With EPILOGUE the store hands results to the vector engine, in the place of the
burst writer. Each read port has a reader and a loader; loaders share a load by the banks that
its rows go to. A control pair per command says what to load and what to compute; loading,
computing and storing run at the same time, held together by counts of what has arrived and what may be overwritten.

Throughput: rows * cols * depth multiply-accumulates a cycle, or half of it where columns share multipliers and B may
hold -128; one tile of C after the other without a gap while loads keep up, and at least ``drain_cycles`` cycles per
tile.
"""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from gatewright.spec.commands import ATTENTION, GEMM, OPCODE_BITS, Opcode
from gatewright.spec.config import AcceleratorConfig
from gatewright_hw.bus.reader import BurstReader
from gatewright_hw.bus.writer import BurstWriter
from gatewright_hw.engines.command_control import CommandControl
from gatewright_hw.engines.epilogue import EpilogueSignature
from gatewright_hw.engines.gemm.array import MacArray
from gatewright_hw.engines.gemm.attention.key_mask import KeyMask
from gatewright_hw.engines.gemm.attention.loads import AttentionLoads
from gatewright_hw.engines.gemm.attention.softmax import Softmax
from gatewright_hw.engines.gemm.attention.tiles import AttentionTiles
from gatewright_hw.engines.gemm.column_parameters import ColumnParameters
from gatewright_hw.engines.gemm.drain import Drain
from gatewright_hw.engines.gemm.geometry import SETUP_CYCLES, WORD_BYTES, Geometry, Width
from gatewright_hw.engines.gemm.issuer import TileIssuer
from gatewright_hw.engines.gemm.loaders import TileLoaders
from gatewright_hw.engines.gemm.operand_banks import OperandBanks
from gatewright_hw.engines.gemm.product_loads import ProductLoads
from gatewright_hw.engines.gemm.product_tiles import ProductTiles
from gatewright_hw.engines.gemm.store import TileStore
from gatewright_hw.engines.interface import EngineSignature, command_layout
from gatewright_hw.parts.delay import delayed
from gatewright_hw.parts.stream_register import StreamRegister

__all__ = ["GemmEngine"]

_READ_DEPTH = 256
"""Beats that may be in flight: those of 8 bursts that a port has under way, and a stall of the loader."""
_WRITE_DEPTH = 64
_ENDED_AHEAD = 2
"""Cycles, besides the banks' delay, by which the drain sees a tile before its accumulators: fewer than tiles are
apart."""


class GemmEngine(wiring.Component):
    """The engine. ``config`` gives all sizes.

    Members
    -------
    epilogue : :class:`.epilogue.EpilogueSignature`, out; where the configuration has epilogues.
    others : as in :class:`.interface.EngineSignature`.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self._config = config
        self._geometry = Geometry(config)
        members = dict(EngineSignature(config.read_ports).members)
        if config.epilogue:
            members["epilogue"] = Out(EpilogueSignature(config.max_columns))
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        g = self._geometry
        ports = self._config.read_ports
        m.submodules.writer = writer = BurstWriter(_WRITE_DEPTH)
        m.submodules.loaders = loaders = TileLoaders(g, ports)
        m.submodules.a = a = OperandBanks(g.rows, self._config.a_depth, g.depth, ports)
        m.submodules.b = b = OperandBanks(g.cols, self._config.b_depth, g.depth, ports)
        m.submodules.array = array = MacArray(g.rows, g.cols, g.depth, g.lanes, g.acc_bits)
        m.submodules.columns = columns = ColumnParameters(g)
        m.submodules.drain = drain = Drain(g)
        m.submodules.store = store = TileStore(g)
        m.submodules.issuer = issuer = TileIssuer(g)
        m.submodules.product_loads = product_loads = ProductLoads(g)
        m.submodules.product_tiles = product_tiles = ProductTiles(g)
        m.submodules.attention_loads = attention_loads = AttentionLoads(g)
        m.submodules.attention_tiles = attention_tiles = AttentionTiles(g)
        m.submodules.mask = mask = KeyMask(g)
        m.submodules.softmax = softmax = Softmax(g)
        m.submodules.tile_register = tile_register = StreamRegister(g.tile)
        m.submodules.control = control = CommandControl(SETUP_CYCLES)
        wiring.connect(m, wiring.flipped(self.command), control.command)

        command = control.taken
        is_attention = command[:OPCODE_BITS] == Opcode.ATTENTION
        gemm, attention = command_layout(GEMM)(command), command_layout(ATTENTION)(command)
        narrow = Signal()
        m.d.comb += [narrow.eq(is_attention | gemm.flags.b_narrow), issuer.narrow.eq(narrow)]

        # Memory.
        for index, port in enumerate(self.read):
            m.submodules[f"reader_{index}"] = reader = BurstReader(_READ_DEPTH, self._config.outstanding)
            wiring.connect(m, reader.port, wiring.flipped(port))
            wiring.connect(m, loaders.descriptor[index], reader.descriptor)
            wiring.connect(m, reader.data, loaders.data[index])
        wiring.connect(m, writer.port, wiring.flipped(self.write))

        # Operands: loader to banks to array.
        wiring.connect(m, tile_register.o, issuer.tile)
        wiring.connect(m, issuer.reserve, store.tile)
        for index, (to_a, to_b) in enumerate(zip(loaders.a, loaders.b, strict=True)):
            m.d.comb += [a.write[index].eq(to_a), b.write[index].eq(to_b)]
            m.d.comb += b.write[index].data.eq(Mux(narrow, _narrowed(to_b.data), to_b.data))
        with m.If(loaders.stall_a):
            m.d.comb += a.write[0].eq(softmax.write)
        m.d.comb += [
            loaders.stall_a.eq(softmax.write.banks != 0),
            mask.write.eq(loaders.mask_write),
            mask.word.eq(loaders.mask),
            mask.bits.eq(loaders.word),
            columns.write.eq(loaders.column_write),
            columns.entry.eq(loaders.column),
            columns.lane.eq(loaders.column_lane),
            columns.record.eq(loaders.word),
        ]
        for banks, word in ((a, issuer.a_word), (b, issuer.b_word)):
            m.d.comb += [banks.read.eq(issuer.read), banks.addr.eq(word), banks.group.eq(issuer.group)]
        for side in range(2):
            m.d.comb += [a.keep[side].eq(issuer.live), b.keep[side].eq(issuer.sides[side].replicate(g.depth))]
        unsigned = delayed(m, issuer.unsigned, a.delay)[-1]
        m.d.comb += [
            array.first.eq(delayed(m, issuer.first, a.delay)[-1]),
            array.last.eq(delayed(m, issuer.last, a.delay, reset=True)[-1]),
        ]
        for k in range(g.depth):
            for index, value in enumerate(a.value):
                m.d.comb += array.a[index][k].eq(Mux(unsigned, value[k], value[k].as_signed()))
            for index, value in enumerate(b.value):
                m.d.comb += array.b[index][k].eq(value[k].as_signed())

        # Results: array to drain to store, or to the softmax and back to the banks of A.
        width, width_in_memory, away = Signal(Width), Signal(Width), Signal()
        if self._config.epilogue:
            chained = ~is_attention & gemm.flags.epilogue
            m.d.comb += width_in_memory.eq(Mux(chained, gemm.c_type, width))
            self._hand_over(m, control.start & chained, chained, away, store, writer)
        else:
            m.d.comb += width_in_memory.eq(width)
            wiring.connect(m, store.descriptor, writer.descriptor)
            wiring.connect(m, store.beat, writer.data)
        m.d.comb += [
            width.eq(Mux(is_attention, attention.flags.out_int16, Cat(gemm.flags.out_int16, gemm.flags.out_int32))),
            drain.drained.eq(array.drained),
            drain.ended.eq(delayed(m, issuer.ended, array.delay - 1 - _ENDED_AHEAD)[-1]),
            drain.width.eq(width),
            drain.with_params.eq(gemm.flags.params),
            drain.score_scale.multiplier.eq(attention.score_multiplier),
            drain.score_scale.shift.eq(attention.score_shift),
            columns.slot.eq(drain.slot),
            columns.part.eq(drain.part),
            mask.enabled.eq(attention.flags.key_mask),
            mask.group.eq(drain.group),
            drain.key_mask.eq(mask.allowed),
            softmax.start.eq(control.start),
            softmax.scores.eq(drain.scores),
            softmax.out.multiplier.eq(attention.out_multiplier),
            softmax.out.shift.eq(attention.out_shift),
            softmax.buffer.eq(drain.buffer),
            softmax.row.eq(drain.row),
            drain.row_scale.eq(softmax.scale),
            store.results.eq(drain.results),
            store.width.eq(width),
            store.stride.eq(Mux(is_attention, attention.o_stride, gemm.c_stride)),
        ]
        m.d.comb += [drain.columns[lane].eq(columns.columns[lane]) for lane in range(g.lanes)]

        # Control: the opcode chooses whose loads and tiles are in effect; the other pair is idle.
        with m.If(is_attention):
            wiring.connect(m, attention_loads.job, loaders.job)
            wiring.connect(m, attention_tiles.tile, tile_register.i)
        with m.Else():
            wiring.connect(m, product_loads.job, loaders.job)
            wiring.connect(m, product_tiles.tile, tile_register.i)
        for loads, tiles, chosen in (
            (product_loads, product_tiles, ~is_attention),
            (attention_loads, attention_tiles, is_attention),
        ):
            for part in (loads, tiles):
                m.d.comb += [part.command.eq(command), part.start.eq(control.start & chosen)]
            m.d.comb += [
                loads.release_a.eq(issuer.release_a),
                loads.release_b.eq(drain.release_b),
                tiles.event.eq(loaders.event),
                tiles.width.eq(width_in_memory),
            ]
        no_tiles = ~product_tiles.busy & ~attention_tiles.busy & ~tile_register.o.valid
        m.d.comb += [
            product_tiles.tiles.eq(loaders.tiles),
            attention_tiles.softmax_done.eq(softmax.done),
            control.finished.eq(no_tiles & store.idle & writer.idle & ~away),
            self.done.eq(control.done),
        ]
        if self._config.epilogue:
            m.d.comb += [self.epilogue.command.eq(command), self.epilogue.ended.eq(no_tiles & store.idle)]
        return m

    def _hand_over(
        self, m: Module, begin: Value, chained: Value, away: Signal, store: TileStore, writer: BurstWriter
    ) -> None:
        """Results to the writer, or, while ``chained``, to the vector engine, which is ``away`` until it has written
        them all."""
        epilogue = self.epilogue
        for source, plain, other in (
            (store.descriptor, writer.descriptor, epilogue.place),
            (store.beat, writer.data, epilogue.beat),
        ):
            m.d.comb += [
                plain.payload.eq(source.payload),
                plain.valid.eq(source.valid & ~chained),
                other.valid.eq(source.valid & chained),
                source.ready.eq(Mux(chained, other.ready, plain.ready)),
            ]
        m.d.comb += [
            epilogue.begin.eq(begin),
            epilogue.place.payload.addr.eq(store.descriptor.payload.addr),
            epilogue.place.payload.column.eq(store.column),
            epilogue.beat.payload.eq(store.beat.payload.data),
        ]
        with m.If(begin):
            m.d.sync += away.eq(1)
        with m.Elif(epilogue.done):
            m.d.sync += away.eq(0)


def _narrowed(word: Value) -> Cat:
    """Its bytes, -127 in the place of -128."""
    parts = (word.word_select(index, 8) for index in range(WORD_BYTES))
    return Cat(Cat(byte[0] | (byte == 0x80), byte[1:]) for byte in parts)
