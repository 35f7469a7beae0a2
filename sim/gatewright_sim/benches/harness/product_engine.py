"""The gemm engine and the vector engine with each other, as one engine that runs the commands of both."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from gatewright.spec.commands import OPCODE_BITS, Opcode
from gatewright.spec.config import AcceleratorConfig
from gatewright_hw.bus.arbiter import WriteArbiter
from gatewright_hw.bus.spread import spread_readers
from gatewright_hw.engines.gemm.engine import GemmEngine
from gatewright_hw.engines.interface import EngineSignature
from gatewright_hw.engines.vector.engine import VectorEngine

__all__ = ["ProductEngine"]


class ProductEngine(wiring.Component):
    """Members as in :class:`gatewright_hw.engines.interface.EngineSignature`; one command at a time."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self._config = config
        super().__init__(EngineSignature(config.read_ports))

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        m.submodules.gemm = gemm = GemmEngine(self._config)
        m.submodules.vector = vector = VectorEngine(self._config)
        m.submodules.writes = writes = WriteArbiter(2)
        wiring.connect(m, gemm.epilogue, vector.epilogue)
        readers = [[gemm.read[port]] for port in range(len(gemm.read))]
        for port, reader in enumerate(vector.read):
            readers[port].append(reader)
        spread_readers(m, readers, self.read, 2 * self._config.outstanding)
        for write, port in zip((gemm.write, vector.write), writes.ports, strict=True):
            wiring.connect(m, write, port)
        wiring.connect(m, writes.port, wiring.flipped(self.write))

        busy = Signal()
        for_vector = self.command.payload[:OPCODE_BITS] == Opcode.VECTOR
        for engine, chosen in ((gemm, ~for_vector), (vector, for_vector)):
            m.d.comb += [
                engine.command.payload.eq(self.command.payload),
                engine.command.valid.eq(self.command.valid & chosen & ~busy),
            ]
        m.d.comb += [self.command.ready.eq(~busy), self.done.eq(gemm.done | vector.done)]
        with m.If(self.command.valid & self.command.ready):
            m.d.sync += busy.eq(1)
        with m.If(self.done):
            m.d.sync += busy.eq(0)
        return m
