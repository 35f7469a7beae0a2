"""The watchdog: exact at its limit."""

from __future__ import annotations

from amaranth.hdl import Assert, Assume, Cover, Module, Mux, Signal

from gatewright.spec.errors import ErrorCode
from gatewright_hw import sequencer
from gatewright_sim.formal.proof import Bug, Mode, Proof
from gatewright_sim.formal.proofs.free_sequencer import SequencerHarness
from gatewright_sim.formal.properties import past

__all__ = ["TABLE"]


LONGEST_LIMIT = 18
"""Cycles: a command takes 13 at least."""


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


TABLE = (
    Proof(
        "sequencer_watchdog",
        "a command may take just as many cycles as the watchdog says, 1 and the very last cycle included; then nothing "
        "happens until a reset",
        WatchdogHarness,
        Mode.BOUNDED,
        24,
        (
            Bug("the limit of 1 is none", sequencer, "elapsed.eq(self.watchdog == 1)", "elapsed.eq(0)"),
            Bug("a cycle too many", sequencer, "elapsed.eq(timer == 2)", "elapsed.eq(timer == 1)"),
            Bug(
                "a command that completes at its limit is late",
                sequencer,
                " & ~ending & ~self.completed.any()",
                " & ~ending",
            ),
            Bug(
                "an error at the limit becomes the watchdog's",
                sequencer,
                " & ~ending & ~self.completed.any()",
                " & ~self.completed.any()",
            ),
            Bug("a start after it runs", sequencer, "with m.If(~hung), m.FSM() as fsm:", "with m.FSM() as fsm:"),
        ),
    ),
)
