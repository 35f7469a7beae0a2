"""A stream on both accelerators, and what may not differ between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from gatewright.spec.commands import DecodedCommand, Opcode, check, decode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.memory import COMMAND_BYTES
from gatewright.spec.roofline import roofline
from gatewright_sim.fuzz.streams.defined import Defined
from gatewright_sim.fuzz.streams.read_ahead import met_ahead
from gatewright_sim.fuzz.streams.rig import WATCHDOG, Bytes, Outcome, Rig
from gatewright_sim.fuzz.streams.stream import MEMORIES, SIZE, Run, Stream
from gatewright_sim.fuzz.target import Finding
from gatewright_sim.memory import SimulatedMemory

__all__ = ["SLOW", "compare"]

_SLOWEST = 100
"""How many times its roofline a command may take before it counts as hung."""
_PATIENCE = 1_000_000
"""Cycles that are waited for a command at the most; they take two seconds."""
SLOW = f"slow beyond {_PATIENCE:,} cycles"


def compare(rig: Rig, stream: Stream) -> str:
    """Run a stream; how its last program ended. Raises :class:`Finding`.

    Where the watchdog ends a command of the RTL that may need longer, the stream runs again, and that program has
    _PATIENCE; with a command that may need even longer, it ends as SLOW.
    """
    watchdogs = [WATCHDOG] * len(stream.runs)
    while isinstance(ending := _compare(rig, stream, watchdogs), _Slow):
        if watchdogs[ending.run] == _PATIENCE:
            return SLOW
        watchdogs[ending.run] = _PATIENCE
    return ending


@dataclass(frozen=True)
class _Slow:
    """A run with a command that may take longer than it was given."""

    run: int


def _compare(rig: Rig, stream: Stream, watchdogs: Sequence[int]) -> str | _Slow:
    """The same with these watchdogs, one for each run."""
    image = stream.image()
    for memory in rig.memories:
        memory[:] = image
    rig.power_up(stream)
    ending = "nothing"
    for number, run in enumerate(stream.runs):
        for memory in rig.memories:
            stream.place(memory, run)
        before = rig.memories[0].copy()
        golden, rtl = rig.run(run, watchdogs[number])
        program = _Program(run, before, stream.base, rig.config)
        defined = program.follow(golden)
        if defined.lost:
            return "undefined"
        ended = rtl.code is ErrorCode.WATCHDOG is not golden.code
        if ended and program.bound(rtl.last, stream) > watchdogs[number]:
            return _Slow(number)
        if program.read_ahead(golden, rtl):
            return "an error ahead"
        program.judge(golden, rtl, defined)
        if golden.code is ErrorCode.WATCHDOG:
            rig.recover()
        rtl.memory[defined.vague] = golden.memory[defined.vague]
        ending = golden.code.name
    return ending


class _Program:
    """Commands as they lay in the memory before they ran."""

    def __init__(self, run: Run, before: Bytes, base: int, config: AcceleratorConfig) -> None:
        self._run = run
        self._before = before
        self._base = base
        self._config = config

    def _commands(self) -> Iterator[tuple[int, DecodedCommand | None]]:
        """Offset of each command, and what it is; None where the accelerator refuses it."""
        for index in count():
            offset = (self._run.address + index * COMMAND_BYTES) % (1 << 32) - self._base
            raw = self._before[offset : offset + COMMAND_BYTES].tobytes() if 0 <= offset < SIZE else b""
            sound = len(raw) == COMMAND_BYTES and check(raw, self._config)[0] is ErrorCode.NONE
            yield offset, decode(raw) if sound else None

    def follow(self, golden: Outcome) -> Defined:
        """What is defined after the commands that golden ran."""
        defined = Defined(self._base, SIZE)
        commands = zip(range(golden.last + 1 if self._run.count else 0), self._commands(), strict=False)
        for index, (offset, command) in commands:
            # What an earlier one has written here was another command when it was fetched.
            defined.lost |= bool(np.any(defined.touched[max(offset, 0) : max(offset + COMMAND_BYTES, 0)]))
            if command is None:
                break
            defined.run(command, failed=index == golden.last and golden.code is not ErrorCode.NONE)
        return defined

    def bound(self, index: int, stream: Stream) -> int:
        """Cycles after which a command counts as hung; 0 for none."""
        command = self._command(index)
        if command is None:
            return 0
        return _SLOWEST * roofline(command, self._config, MEMORIES[stream.memory]).min_cycles

    def read_ahead(self, golden: Outcome, rtl: Outcome) -> bool:
        """Whether the RTL ends at an aggregation with an error of the bus that golden did not meet there, but that the
        bus gives for what the engine may have read ahead; which is a matter of time."""
        command = self._command(rtl.last)
        if command is None or command.spec.opcode != Opcode.AGGREGATE or rtl.last > golden.last:
            return False
        wanted = golden.code if rtl.last == golden.last else ErrorCode.NONE
        if wanted is ErrorCode.WATCHDOG or ErrorCode.NONE is not wanted <= rtl.code:
            return False
        memory = SimulatedMemory(self._base, SIZE, golden.memory)
        memory.faults.slverr = self._run.slverr
        return rtl.code in met_ahead(command, memory)

    def judge(self, golden: Outcome, rtl: Outcome, defined: Defined) -> None:
        """Raise :class:`Finding` for the first difference."""
        at = self._name(golden.last)
        for name, wanted in golden.registers.items():
            if rtl.registers[name] != wanted:
                codes = f"{rtl.code.name} instead of {golden.code.name}"
                raise Finding(f"{name} {codes} at {at}", f"RTL {rtl.registers}, golden {golden.registers}")
        beside = np.flatnonzero((golden.memory != self._before) & ~defined.touched)
        if beside.size:
            raise Finding(f"golden writes beside the output of {at}", f"at offset {beside[0]:#x}")
        wrong = np.flatnonzero((rtl.memory != golden.memory) & ~defined.vague)
        if wrong.size:
            where = "output of" if defined.touched[wrong[0]] else "bytes beside the output of"
            raise Finding(f"{where} {at}", f"{wrong.size} bytes differ, the first at offset {wrong[0]:#x}")

    def _command(self, index: int) -> DecodedCommand | None:
        return next(command for number, (_, command) in enumerate(self._commands()) if number == index)

    def _name(self, index: int) -> str:
        command = self._command(index)
        return command.spec.name if command else "no command"
