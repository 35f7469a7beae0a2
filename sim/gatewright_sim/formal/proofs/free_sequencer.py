"""The sequencer: every command once, in order; an error ends the program; the watchdog is exact.

What it is made of is replaced by what it may do at most: the fetch hands over beats that were asked for at any time,
the validator says anything about a command, and so do the engines and the bus.
"""

from __future__ import annotations

from amaranth.hdl import Assume, Module, Signal, Value

from gatewright.spec.commands import COMMANDS, OPCODE_BITS, Opcode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES
from gatewright.spec.registers import ENGINES
from gatewright_hw.engines.interface import ERROR_BITS
from gatewright_hw.sequencer import Sequencer
from gatewright_hw.top import ROUTES
from gatewright_hw.validator import DETAIL_BITS
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.internals import opened
from gatewright_sim.formal.properties import past

__all__ = ["MOST_COMMANDS", "SequencerHarness"]

COMMAND_BEATS = COMMAND_BYTES // BUS_BYTES
PORTS = list(dict.fromkeys(ROUTES.values()))
ROUTE = {opcode: PORTS.index(name) for opcode, name in ROUTES.items()}
MOST_COMMANDS = 2


class SequencerHarness(Harness):
    """A sequencer whose fetch and validator are free."""

    def __init__(self) -> None:
        super().__init__(
            Sequencer(get_config("tiny"), ROUTE),
            fetch_ready=1,
            fetch_valid=1,
            fetch_data=OPCODE_BITS,
            count=2,
            place=8,
            verdict=ERROR_BITS,
            verdict_detail=DETAIL_BITS,
        )

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        part = self.part
        submodules = opened(part).submodules
        validator, fetch = submodules.validator, submodules.fetch
        validator.elaborate = lambda _: _driven((validator.code, self.verdict), (validator.detail, self.verdict_detail))
        fetch.elaborate = lambda _: _driven(
            (fetch.descriptor.ready, self.fetch_ready),
            (fetch.data.valid, self.fetch_valid),
            (fetch.data.payload, self.fetch_data),
        )
        self._asks = fetch.descriptor.valid & fetch.descriptor.ready
        self._beat = fetch.data.valid & fetch.data.ready
        self._descriptor = fetch.descriptor.payload
        m.d.comb += [
            part.program_count.eq(self.count),
            part.program_addr.eq(self.place),
            Assume(self.count <= MOST_COMMANDS),
        ]
        self._fetching(m)
        self._properties(m)
        return m

    def _fetching(self, m: Module) -> None:
        """The fetch gives what was asked for; the verdict is about all of it, and stays."""
        part = self.part
        self._missing = missing = Signal(range(COMMAND_BEATS + 1))
        asked = Signal()
        with m.If(self._asks):
            m.d.sync += [asked.eq(1), missing.eq(COMMAND_BEATS)]
        with m.Elif(self._beat):
            m.d.sync += missing.eq(missing - 1)
        self._port, self._engine = Signal(len(PORTS)), Signal(len(ENGINES))  # of the command, one bit each
        with m.Switch(part.command[:OPCODE_BITS]):
            for opcode, spec in COMMANDS.items():
                with m.Case(opcode):
                    m.d.comb += [
                        self._port.eq(1 << ROUTE[Opcode(opcode)]),
                        self._engine.eq(1 << ENGINES.index(spec.engine)),
                    ]
        m.d.comb += [
            Assume(~self.fetch_valid | (missing != 0)),
            Assume((self.verdict == past(m, self.verdict)) | past(m, self._beat)),
            Assume(~asked | (missing != 0) | (self.verdict != ErrorCode.NONE) | (self._port != 0)),
            Assume(self.verdict != ErrorCode.WATCHDOG),
            *(Assume(error != ErrorCode.WATCHDOG) for error in part.engine_error),
        ]

    def _properties(self, m: Module) -> None:
        """What is assumed and asserted besides."""
        raise NotImplementedError


def _driven(*values: tuple[Value, Value]) -> Module:
    m = Module()
    m.d.comb += [target.eq(value) for target, value in values]
    return m
