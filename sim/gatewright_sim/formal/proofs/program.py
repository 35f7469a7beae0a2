"""The sequencer: every command once, in order; an error ends the program."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cat, Const, Cover, Module, Mux, Signal, Value

from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES
from gatewright_hw import sequencer
from gatewright_hw.engines.interface import ERROR_BITS
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.proofs.free_sequencer import COMMAND_BEATS, MOST_COMMANDS, SequencerHarness
from gatewright_sim.formal.properties import past, stays_until_taken

__all__ = ["TABLE"]


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
                sequencer,
                "(bus_error != ErrorCode.NONE) | (found != ErrorCode.NONE)",
                "bus_error != ErrorCode.NONE",
            ),
            Bug("the bus may be busy at a command's end", sequencer, "quiet.eq(self.bus_quiet)", "quiet.eq(1)"),
            Bug("a start while busy clears what is shown", sequencer, "self.start & ~self.busy", "self.start"),
            Bug(
                "the last command is forgotten",
                sequencer,
                'm.State("ADVANCE"):\n                with m.If(left == 0)',
                'm.State("ADVANCE"):\n                with m.If(left <= 1)',
            ),
            Bug(
                "what the engine found outranks the bus",
                sequencer,
                "Mux(bus_error != ErrorCode.NONE, bus_error, found)",
                "Mux(found != ErrorCode.NONE, found, bus_error)",
            ),
        ),
    ),
)
