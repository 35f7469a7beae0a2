"""The accelerator: registers, sequencer, engines and the AXI masters.

host --s_axil--> RegisterBlock --start, program--> Sequencer --commands--> engines
                                                      |                       |
                                                 ReadArbiter, WriteArbiter <--+
                                                      |
                                                  AxiMaster --m_axi--> DDR

Engines with further read ports have a ReadArbiter and an AxiMaster for each, which only reads: m_axi_1 and so on.
"""

from collections.abc import Mapping
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.commands import Opcode
from gatewright.spec.config import AcceleratorConfig
from gatewright_hw.bus.arbiter import ReadArbiter, WriteArbiter
from gatewright_hw.bus.axi import Axi4, AxiLite, master_name
from gatewright_hw.bus.master import AxiMaster
from gatewright_hw.counters import PerformanceCounters
from gatewright_hw.engines.aggregate.engine import AggregateEngine
from gatewright_hw.engines.gemm.engine import GemmEngine
from gatewright_hw.engines.vector.engine import VectorEngine
from gatewright_hw.register_block import ADDRESS_BITS, RegisterBlock
from gatewright_hw.sequencer import Sequencer

__all__ = ["ROUTES", "Top", "make_engines"]

ROUTES = {
    Opcode.GEMM: "gemm",
    Opcode.ATTENTION: "gemm",
    Opcode.AGGREGATE: "aggregate",
    Opcode.VECTOR: "vector",
}
"""Which engine takes an opcode."""


def make_engines(config: AcceleratorConfig) -> dict[str, wiring.Component]:
    """The engines by the names that ROUTES uses."""
    return {"gemm": GemmEngine(config), "aggregate": AggregateEngine(config), "vector": VectorEngine(config)}


class Top(wiring.Component):
    """The whole accelerator.

    CONTROL.reset lets the bus come to rest and then resets sequencer, engines and arbiters; STATUS.busy is high until
    that is done. If the bus never answers, only ``rst`` helps. Registers that the host writes keep their values.

    Parameters
    ----------
    config : sizes.
    engines : one component with an :class:`.engines.interface.EngineSignature` per name in ROUTES; made by
        :func:`make_engines` when absent.

    Members
    -------
    irq : 1, out; level interrupt, active high: IRQ_STATUS and IRQ_ENABLE.
    s_axil : AxiLite, in; registers.
    m_axi : Axi4, out; memory.
    m_axi_1, ... : Axi4, out; memory, for reads through an engine's further read ports.
    """

    def __init__(self, config: AcceleratorConfig, engines: Mapping[str, wiring.Component] | None = None) -> None:
        self._config = config
        self._engines = dict(engines) if engines is not None else make_engines(config)
        names = dict.fromkeys(ROUTES.values())
        if missing := [name for name in names if name not in self._engines]:
            raise ValueError(f"Top: no engine {', '.join(missing)}, needed: {', '.join(names)}")
        self._masters = [
            master_name(port) for port in range(max(len(engine.read) for engine in self._engines.values()))
        ]
        masters = {name: Out(Axi4()) for name in self._masters}
        super().__init__({"irq": Out(1), "s_axil": In(AxiLite(ADDRESS_BITS)), **masters})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        config, engines = self._config, self._engines
        m.submodules.registers = registers = RegisterBlock(config)
        m.submodules.counters = counters = PerformanceCounters(len(self._masters))
        masters = [AxiMaster() for _ in self._masters]
        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        for index, (name, master) in enumerate(zip(self._masters, masters, strict=True)):
            m.submodules[f"master_{index}"] = master
            wiring.connect(m, master.axi, wiring.flipped(getattr(self, name)))

        # What CONTROL.reset resets.
        core_reset = Signal()
        resettable = ResetInserter(core_reset)
        names = list(engines)
        sequencer = Sequencer(config, {opcode: names.index(name) for opcode, name in ROUTES.items()})
        write_arbiter = WriteArbiter(len(engines))
        m.submodules.sequencer = resettable(sequencer)
        m.submodules.write_arbiter = resettable(write_arbiter)
        for name, engine in engines.items():
            m.submodules[name] = resettable(engine)

        for index, master in enumerate(masters):
            readers = [engine.read[index] for engine in engines.values() if index < len(engine.read)]
            readers = [sequencer.read, *readers] if index == 0 else readers
            m.submodules[f"read_arbiter_{index}"] = arbiter = resettable(ReadArbiter(len(readers)))
            wiring.connect(m, arbiter.port, master.read)
            for reader, port in zip(readers, arbiter.ports, strict=True):
                wiring.connect(m, reader, port)
        wiring.connect(m, write_arbiter.port, masters[0].write)
        for index, engine in enumerate(engines.values()):
            wiring.connect(m, engine.write, write_arbiter.ports[index])
            m.d.comb += [
                engine.command.payload.eq(sequencer.command),
                engine.command.valid.eq(sequencer.engine_valid[index]),
                sequencer.engine_ready[index].eq(engine.command.ready),
                sequencer.engine_done[index].eq(engine.done),
                sequencer.engine_error[index].eq(engine.error),
            ]
        linked = [engine.epilogue for engine in engines.values() if hasattr(engine, "epilogue")]
        if linked:
            wiring.connect(m, *linked)
        quiet = Cat(master.quiet for master in masters).all()
        errors = reduce(or_, (master.errors.as_value() for master in masters))
        m.d.comb += [sequencer.bus_errors.eq(errors), sequencer.bus_quiet.eq(quiet)]

        resetting = Signal()
        with m.If(registers.control.reset):
            m.d.sync += resetting.eq(1)
        with m.Elif(core_reset):
            m.d.sync += resetting.eq(0)
        m.d.sync += core_reset.eq(resetting & quiet & ~core_reset)
        for master in masters:
            m.d.comb += [master.clear.eq(sequencer.clear_errors), master.drain.eq(resetting)]

        self._registers(m, registers, sequencer, resetting)
        self._counters(m, registers, counters, sequencer, masters)
        return m

    def _registers(self, m: Module, registers: RegisterBlock, sequencer: Sequencer, resetting: Signal) -> None:
        """The host's view of the sequencer, and the interrupt."""
        start = registers.control.start & ~registers.control.reset & ~resetting
        m.d.comb += [
            sequencer.start.eq(start),
            sequencer.program_addr.eq(registers.program_addr),
            sequencer.program_count.eq(registers.program_count),
            sequencer.watchdog.eq(registers.watchdog),
            registers.status.busy.eq(sequencer.busy | resetting),
            registers.status.done.eq(sequencer.done),
            registers.status.error.eq(sequencer.error),
            registers.error.code.eq(sequencer.code),
            registers.error.detail.eq(sequencer.detail),
            registers.error_index.eq(sequencer.error_index),
            registers.command_index.eq(sequencer.command_index),
            registers.irq_status_set.done.eq(sequencer.finished & ~resetting),
            registers.irq_status_clear.eq(resetting),
        ]
        m.d.sync += self.irq.eq((registers.irq_status.as_value() & registers.irq_enable.as_value()).any())

    def _counters(
        self,
        m: Module,
        registers: RegisterBlock,
        counters: PerformanceCounters,
        sequencer: Sequencer,
        masters: list[AxiMaster],
    ) -> None:
        m.d.comb += [
            counters.clear.eq(sequencer.started),
            counters.busy.eq(sequencer.busy),
            counters.read_beats_now.eq(sum(master.read_beat for master in masters)),
            counters.write_beat.eq(masters[0].write_beat),
            counters.active.eq(sequencer.active),
            counters.completed.eq(sequencer.completed),
        ]
        for name in counters.outputs:
            m.d.comb += getattr(registers, name).eq(getattr(counters, name))
