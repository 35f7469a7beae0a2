"""The accelerator: registers, sequencer, engines and the AXI master.

host --s_axil--> RegisterBlock --start, program--> Sequencer --commands--> engines
                                                      |                       |
                                                 ReadArbiter, WriteArbiter <--+
                                                      |
                                                  AxiMaster --m_axi--> DDR
"""

from collections.abc import Mapping

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from gatewright.spec.commands import Opcode
from gatewright.spec.config import AcceleratorConfig
from gatewright_hw.bus.arbiter import ReadArbiter, WriteArbiter
from gatewright_hw.bus.axi import Axi4, AxiLite
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
    """

    irq: Out(1)
    s_axil: In(AxiLite(ADDRESS_BITS))
    m_axi: Out(Axi4())

    def __init__(self, config: AcceleratorConfig, engines: Mapping[str, wiring.Component] | None = None) -> None:
        self._config = config
        self._engines = dict(engines) if engines is not None else make_engines(config)
        names = dict.fromkeys(ROUTES.values())
        if missing := [name for name in names if name not in self._engines]:
            raise ValueError(f"Top: no engine {', '.join(missing)}, needed: {', '.join(names)}")
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        config, engines = self._config, self._engines
        m.submodules.registers = registers = RegisterBlock(config)
        m.submodules.counters = counters = PerformanceCounters()
        m.submodules.master = master = AxiMaster()
        wiring.connect(m, wiring.flipped(self.s_axil), registers.bus)
        wiring.connect(m, master.axi, wiring.flipped(self.m_axi))

        # What CONTROL.reset resets.
        core_reset = Signal()
        resettable = ResetInserter(core_reset)
        names = list(engines)
        sequencer = Sequencer(config, {opcode: names.index(name) for opcode, name in ROUTES.items()})
        read_arbiter = ReadArbiter(len(engines) + 1)
        write_arbiter = WriteArbiter(len(engines))
        m.submodules.sequencer = resettable(sequencer)
        m.submodules.read_arbiter = resettable(read_arbiter)
        m.submodules.write_arbiter = resettable(write_arbiter)
        for name, engine in engines.items():
            m.submodules[name] = resettable(engine)

        wiring.connect(m, read_arbiter.port, master.read)
        wiring.connect(m, write_arbiter.port, master.write)
        wiring.connect(m, sequencer.read, read_arbiter.ports[0])
        for index, engine in enumerate(engines.values()):
            wiring.connect(m, engine.read, read_arbiter.ports[index + 1])
            wiring.connect(m, engine.write, write_arbiter.ports[index])
            m.d.comb += [
                engine.command.payload.eq(sequencer.command),
                engine.command.valid.eq(sequencer.engine_valid[index]),
                sequencer.engine_ready[index].eq(engine.command.ready),
                sequencer.engine_done[index].eq(engine.done),
                sequencer.engine_error[index].eq(engine.error),
            ]
        m.d.comb += [
            sequencer.bus_errors.eq(master.errors),
            sequencer.bus_quiet.eq(master.quiet),
            master.clear.eq(sequencer.clear_errors),
        ]

        resetting = Signal()
        with m.If(registers.control.reset):
            m.d.sync += resetting.eq(1)
        with m.Elif(core_reset):
            m.d.sync += resetting.eq(0)
        m.d.sync += core_reset.eq(resetting & master.quiet & ~core_reset)
        m.d.comb += master.drain.eq(resetting)

        self._registers(m, registers, sequencer, resetting)
        self._counters(m, registers, counters, sequencer, master)
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
        master: AxiMaster,
    ) -> None:
        m.d.comb += [
            counters.clear.eq(sequencer.started),
            counters.busy.eq(sequencer.busy),
            counters.read_beat.eq(master.read_beat),
            counters.write_beat.eq(master.write_beat),
            counters.active.eq(sequencer.active),
            counters.completed.eq(sequencer.completed),
        ]
        for name in counters.outputs:
            m.d.comb += getattr(registers, name).eq(getattr(counters, name))
