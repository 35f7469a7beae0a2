"""The sequencer: every command once, in order; an error ends the program; the watchdog is exact.

What it is made of is replaced by what it may do at most: the fetch hands over beats that were asked for at any time,
the validator says anything about a command, and so do the engines and the bus.
"""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, Signal, Value

from gatewright.spec.commands import COMMANDS, OPCODE_BITS, Opcode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES
from gatewright.spec.registers import ENGINES
from gatewright_hw import sequencer as sequencer_module
from gatewright_hw.engines.interface import ERROR_BITS
from gatewright_hw.sequencer import Sequencer
from gatewright_hw.top import ROUTES
from gatewright_hw.validator import DETAIL_BITS
from gatewright_sim.formal.emission import Harness
from gatewright_sim.formal.internals import opened
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.properties import past, stays_until_taken

__all__ = ["TABLE"]

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


class ProgramHarness(SequencerHarness):
    """Programs without a watchdog."""

    def _properties(self, m: Module) -> None:
        part = self.part
        bus_errors = Value.cast(part.bus_errors)
        m.d.comb += [
            part.watchdog.eq(0),
            Assume(((past(m, bus_errors) & ~bus_errors) == 0) | past(m, part.clear_errors)),
        ]
        base, count = Signal(32), Signal(range(MOST_COMMANDS + 1))
        fetched, issued, completed = (Signal(range(MOST_COMMANDS + 2), name=each) for each in ("f", "i", "c"))
        words = Signal(8 * COMMAND_BYTES)
        taken = (part.engine_valid & part.engine_ready).any()
        ended, found = Signal(), Signal(ERROR_BITS)  # the engine has, and its error
        with m.If(part.started):
            m.d.sync += [base.eq(part.program_addr), count.eq(part.program_count)]
            m.d.sync += [each.eq(0) for each in (fetched, issued, completed, ended)]
        with m.Else():
            m.d.sync += [
                fetched.eq(fetched + self._asks),
                issued.eq(issued + taken),
                completed.eq(completed + part.completed.any()),
            ]
            with m.If((issued != completed) & ~ended & (part.engine_done & self._port).any()):
                m.d.sync += [ended.eq(1), found.eq(self._error())]
            with m.If(part.completed.any()):
                m.d.sync += ended.eq(0)
        with m.If(self._beat):
            m.d.sync += words.eq(Cat(words[8 * BUS_BYTES :], self.fetch_data))  # which fills up with 0
        failed = Signal()  # a bus error came with the command
        with m.If(past(m, self._beat) & (self._missing == 0)):
            m.d.sync += failed.eq(bus_errors.any())

        valid = part.engine_valid
        m.d.comb += [
            Assert(~self._asks | ((fetched == completed) & (completed < count))),
            Assert(
                ~self._asks | ((self._descriptor.addr == (base + COMMAND_BYTES * completed)[:32]) & (base[:3] == 0))
            ),
            Assert(~self._asks | (self._descriptor.beats == COMMAND_BEATS)),
            Assert((valid == 0) | ((valid == self._port) & (issued + 1 == fetched) & (self._missing == 0))),
            Assert((valid == 0) | ((part.command == words) & (self.verdict == ErrorCode.NONE) & ~failed)),
            Assert(stays_until_taken(m, valid.any(), taken, valid, part.command)),
        ]
        self._ends(m, ended, found, bus_errors, (issued, completed, count))
        self._state(m)

    def _error(self) -> Value:
        """What the command's engine says."""
        error: Value = Const(0, ERROR_BITS)
        for index, each in enumerate(self.part.engine_error):
            error = Mux(self._port[index], each, error)
        return error

    def _ends(self, m: Module, ended: Value, found: Value, bus_errors: Value, counts: tuple[Value, ...]) -> None:
        """A command ends once its engine has and the bus was quiet: well, or with the program."""
        part = self.part
        issued, completed, count = counts
        code: Value = Mux(bus_errors[3], ErrorCode.WRITE_DECERR, found)
        for bit, each in ((2, ErrorCode.WRITE_SLVERR), (1, ErrorCode.READ_DECERR), (0, ErrorCode.READ_SLVERR)):
            code = Mux(bus_errors[bit], each, code)
        settled = ended & past(m, part.bus_quiet) & part.busy
        well = settled & (code == ErrorCode.NONE)
        m.d.comb += [
            Assert(part.completed == Mux(well, self._engine, 0)),
            Assert(~part.completed.any() | (completed + 1 == issued)),
            Assert(~past(m, settled & ~well) | (part.finished & (part.code == past(m, code)))),
            Assert(~part.finished | (part.done & ~part.busy & past(m, part.busy))),
            Assert(~(part.finished & ~part.error) | (completed == count)),
            Assert(
                ~(part.finished & part.error) | ((part.error_index == completed) & (part.command_index == completed))
            ),
            Assert(~past(m, past(m, part.started)) | (part.busy | part.finished)),
            Cover(part.finished & ~part.error & (completed == 2)),
            Cover(part.finished & part.error & (completed == 1) & past(m, settled)),
        ]

    def _state(self, m: Module) -> None:
        """What software sees changes at a start that is taken and at an end, and at nothing else."""
        part = self.part
        for name in ("done", "error", "code", "detail", "error_index"):
            value = getattr(part, name)
            m.d.comb += Assert((value == past(m, value)) | part.finished | past(m, part.started))
        m.d.comb += [
            Assert(part.started == (part.start & ~part.busy)),
            Assert(~past(m, part.started) | ~(part.done | part.error)),
            Assert(part.error == (part.code != ErrorCode.NONE)),
            Cover(past(m, part.start & part.busy) & part.finished),
        ]


class WatchdogHarness(SequencerHarness):
    """One limit for all commands, and a program that may take longer than it."""

    def _properties(self, m: Module) -> None:
        part = self.part
        limit, age = part.watchdog, Signal(range(LONGEST_LIMIT + 4))  # cycles of the command, which begins with 1
        m.d.comb += [Assume(limit <= LONGEST_LIMIT), Assume((limit == past(m, limit)) | ~past(m, part.busy))]
        m.d.sync += age.eq(Mux(part.clear_errors, 1, Mux(age == LONGEST_LIMIT + 2, age, age + 1)))
        ended = Signal()
        taken = past(m, (part.engine_valid & part.engine_ready).any())
        running = Signal()
        with m.If(taken):
            m.d.sync += running.eq(1)
        with m.If((taken | running) & (part.engine_done & self._port).any()):
            m.d.sync += [ended.eq(1), running.eq(0)]
        with m.If(part.clear_errors | ~part.busy):
            m.d.sync += [ended.eq(0), running.eq(0)]
        hung = Signal()
        expired = part.finished & (part.code == ErrorCode.WATCHDOG) & ~hung
        with m.If(expired):
            m.d.sync += hung.eq(1)
        settled = ended & past(m, part.bus_quiet) & part.busy
        at_limit = part.busy & (limit != 0) & (age == limit) & ~part.clear_errors
        over = past(m, part.completed.any())  # between two commands
        m.d.comb += [
            # Just at its limit a command ends, one way or the other; ending by itself goes first.
            Assert(~expired | past(m, at_limit & ~part.completed.any() & ~settled)),
            Assert(~past(m, at_limit & ~over & ~part.completed.any()) | part.finished),
            Assert(~(part.busy & (limit != 0) & (age > limit)) | over | part.clear_errors),
            # Afterwards nothing happens any more, but that a start is answered.
            Assert(~hung | ~(part.busy | self._asks | part.engine_valid.any() | part.completed.any())),
            Assert(~past(m, hung) | (part.finished == past(m, part.start))),
            Assert(~hung | (part.done & part.error & (part.code == ErrorCode.WATCHDOG))),
            Cover(expired & (past(m, limit) == 1)),
            Cover(past(m, at_limit & settled) & part.finished & part.error),
            Cover(past(m, at_limit & part.completed.any()) & part.busy & (limit > 12)),
            Cover(past(m, hung) & part.finished),
        ]


def _driven(*values: tuple[Value, Value]) -> Module:
    m = Module()
    m.d.comb += [target.eq(value) for target, value in values]
    return m


LONGEST_LIMIT = 18

TABLE = (
    Proof(
        "sequencer_program",
        "every command is fetched, issued and completed once, in order; any error ends the program with its code and "
        "index; a start while busy changes nothing",
        ProgramHarness,
        Mode.BOUNDED,
        36,
        (
            Bug(
                "the next command is issued after an error of the engine",
                sequencer_module,
                "(bus_error != ErrorCode.NONE) | (found != ErrorCode.NONE)",
                "bus_error != ErrorCode.NONE",
            ),
            Bug("the bus may be busy at a command's end", sequencer_module, "quiet.eq(self.bus_quiet)", "quiet.eq(1)"),
            Bug("a start while busy clears what is shown", sequencer_module, "self.start & ~self.busy", "self.start"),
            Bug(
                "the last command is forgotten",
                sequencer_module,
                'm.State("ADVANCE"):\n                with m.If(left == 0)',
                'm.State("ADVANCE"):\n                with m.If(left <= 1)',
            ),
            Bug(
                "what the engine found outranks the bus",
                sequencer_module,
                "Mux(bus_error != ErrorCode.NONE, bus_error, found)",
                "Mux(found != ErrorCode.NONE, found, bus_error)",
            ),
        ),
    ),
    Proof(
        "sequencer_watchdog",
        "a command may take just as many cycles as the watchdog says, 1 and the very last cycle included; then nothing "
        "happens until a reset",
        WatchdogHarness,
        Mode.BOUNDED,
        24,
        (
            Bug("the limit of 1 is none", sequencer_module, "elapsed.eq(self.watchdog == 1)", "elapsed.eq(0)"),
            Bug("a cycle too many", sequencer_module, "elapsed.eq(timer == 2)", "elapsed.eq(timer == 1)"),
            Bug(
                "a command that completes at its limit is late",
                sequencer_module,
                " & ~ending & ~self.completed.any()",
                " & ~ending",
            ),
            Bug(
                "an error at the limit becomes the watchdog's",
                sequencer_module,
                " & ~ending & ~self.completed.any()",
                " & ~self.completed.any()",
            ),
            Bug("a start after it runs", sequencer_module, "with m.If(~hung), m.FSM() as fsm:", "with m.FSM() as fsm:"),
        ),
    ),
)
