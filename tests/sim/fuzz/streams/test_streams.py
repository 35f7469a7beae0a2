"""Streams: as files, what of their memory is defined, and that a wrong accelerator is noticed."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright.spec.commands import AGGREGATE, GEMM, GemmFlags, decode, encode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.extents import Operand
from gatewright_sim.fuzz.streams import compare as module
from gatewright_sim.fuzz.streams.compare import SLOW, compare
from gatewright_sim.fuzz.streams.defined import Defined, mask
from gatewright_sim.fuzz.streams.rig import WATCHDOG, Outcome, Rig
from gatewright_sim.fuzz.streams.stream import BASES, SIZE, Run, Stream
from gatewright_sim.fuzz.target import Finding

BASE = BASES[0]


def product(a: int = 0x400, b: int = 0x800, c: int = 0xC00, **values: int) -> bytes:
    fields = {"a_addr": BASE + a, "b_addr": BASE + b, "c_addr": BASE + c, "params_addr": 0, "m": 4, "n": 8, "k": 8}
    return encode(GEMM, GemmFlags.OUT_INT32, **fields | {"a_stride": 8, "b_stride": 8, "c_stride": 32} | values)


def stream(*commands: bytes, **changes: object) -> Stream:
    run = Run(tuple(command.hex() for command in commands), BASE, len(commands))
    return replace(Stream(7, BASE, "usual", 0.0, {}, (run,)), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def rig() -> Rig:
    return Rig(get_config("tiny"))


def test_streams_are_files() -> None:
    one = stream(product(), bytes(64), edits={64: "00ff"}, base=BASES[2])
    assert Stream.of(one.to_bytes()) == one


@pytest.mark.parametrize(
    ("commands", "ending"),
    [
        ([product()], "NONE"),
        ([product(), bytes(64), product()], "BAD_OPCODE"),
        ([product(a=SIZE)], "READ_DECERR"),
        ([product(c=SIZE - 8)], "WRITE_DECERR"),
        ([product(a=0xC00)], "NONE"),
        ([product(c=0)], "NONE"),
        ([product(c=0x40), product()], "undefined"),
    ],
    ids=["one", "refused", "reads outside", "writes outside", "in place", "over itself", "over the next"],
)
def test_how_streams_end(rig: Rig, commands: list[bytes], ending: str) -> None:
    assert compare(rig, stream(*commands)) == ending


def test_programs_go_on_after_errors_and_the_watchdog(rig: Rig) -> None:
    long = product(m=1 << 23, a_stride=0, c_stride=0)
    runs = [stream(*commands).runs[0] for commands in ([bytes(64)], [long], [product()])]
    assert compare(rig, stream(runs=tuple(runs))) == "NONE"


class Hanging:
    """A rig whose RTL needs so many cycles for each program, or does not end; golden ends at once."""

    def __init__(self, cycles: float) -> None:
        self.config = get_config("tiny")
        self.memories = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
        self.cycles = cycles
        self.watchdogs: list[int] = []

    def power_up(self, stream: Stream) -> None:
        pass

    def run(self, run: Run, watchdog: int) -> tuple[Outcome, Outcome]:
        self.watchdogs.append(watchdog)
        done = dict.fromkeys(("STATUS", "ERROR", "COMMAND_INDEX"), 0)
        ended = done | {"ERROR": ErrorCode.WATCHDOG if self.cycles > watchdog else ErrorCode.NONE}
        return Outcome(done, self.memories[0]), Outcome(ended, self.memories[1])


HUNG = "ERROR WATCHDOG instead of NONE at GEMM"
QUICK, LONG, ENDLESS = product(), product(m=1 << 7, k=1 << 5), product(m=1 << 16)


@pytest.mark.parametrize(
    ("command", "cycles", "ending", "runs"),
    [
        (QUICK, WATCHDOG, "NONE", 1),
        (QUICK, WATCHDOG + 1, HUNG, 1),
        (LONG, WATCHDOG + 1, "NONE", 2),
        (LONG, np.inf, HUNG, 2),
        (ENDLESS, WATCHDOG + 1, "NONE", 2),
        (ENDLESS, np.inf, SLOW, 2),
    ],
    ids=["quick", "quick but hung", "slow", "slow and hung", "slow, however long it may take", "slow for ever"],
)
def test_what_may_be_slow_is_waited_for(command: bytes, cycles: float, ending: str, runs: int) -> None:
    rig = Hanging(cycles)
    try:
        found = compare(rig, stream(command))  # type: ignore[arg-type]
    except Finding as finding:
        found = finding.kind
    assert found == ending
    assert rig.watchdogs[0] == WATCHDOG
    assert len(rig.watchdogs) == runs
    assert all(watchdog > WATCHDOG for watchdog in rig.watchdogs[1:])


def test_each_of_several_slow_programs_is_waited_for() -> None:
    rig = Hanging(WATCHDOG + 1)
    assert compare(rig, stream(runs=stream(LONG).runs * 2)) == "NONE"  # type: ignore[arg-type]
    assert [watchdog > WATCHDOG for watchdog in rig.watchdogs] == [False, True, False, True, True]


def test_a_program_that_may_take_longer_is_compared_all_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a watchdog that golden does not know of, the RTL ends a sound product at first."""
    runs, least = rig.run, 100

    def run(run: Run, watchdog: int) -> tuple[Outcome, Outcome]:
        golden, rtl = runs(run, max(watchdog, 2 * WATCHDOG))
        return (golden, rtl) if watchdog > least else (golden, replace(rtl, registers=rtl.registers | {"ERROR": 11}))

    monkeypatch.setattr(rig, "run", run)
    monkeypatch.setattr(module, "WATCHDOG", least)
    assert compare(rig, stream(product(n=9, m=9))) == "NONE"


@pytest.mark.parametrize("runs", [1, 2])
def test_a_wrong_accelerator_is_noticed(rig: Rig, runs: int) -> None:
    one = stream(product(n=9, m=9))
    one = replace(one, runs=one.runs * runs)
    broken = Rig(rig.config)
    broken.power_up(one)
    powers = broken._rtl.power_up

    def power_up(*args: object, **options: object) -> None:
        powers(*args, **options)  # type: ignore[arg-type]
        broken._rtl.lose_odd_words(True)

    broken._rtl.power_up = power_up  # type: ignore[method-assign]
    with pytest.raises(Finding):
        compare(broken, one)
    broken.close()


@pytest.mark.parametrize(
    ("operand", "found"),
    [
        (Operand("a_addr", 16, 2, 3, 8), [16, 17, 18, 24, 25, 26]),
        (Operand("a_addr", 16, 3, 2, 0), [16, 17]),
        (Operand("a_addr", (1 << 32) - 2, 1, 4), [0, 1]),
        (Operand("a_addr", 62, 1, 4), [62, 63]),
        (Operand("a_addr", 8, 0, 4, 8), []),
        (Operand("a_addr", 0, 3, 1, (1 << 31) + 8), [0, 16]),
    ],
    ids=["rows", "repeated", "wraps", "leaves", "nothing", "strides that wrap"],
)
def test_masks_of_operands(operand: Operand, found: list[int]) -> None:
    assert np.flatnonzero(mask(operand, 0, 64)).tolist() == found


@pytest.mark.parametrize(
    ("values", "failed", "vague", "lost"),
    [
        ({}, False, False, False),
        ({}, True, True, False),
        ({"c": 0x400}, False, True, False),
        ({"c_stride": 8}, False, True, False),
    ],
    ids=["sound", "stopped", "over its operand", "over itself"],
)
def test_what_is_defined(values: dict[str, int], failed: bool, vague: bool, lost: bool) -> None:
    defined = Defined(BASE, SIZE)
    defined.run(decode(product(**values)), failed=failed)
    assert (bool(defined.vague.any()), defined.lost) == (vague, lost)
    assert defined.touched.any()


def test_what_reads_vague_bytes_is_vague_or_lost() -> None:
    defined = Defined(BASE, SIZE)
    defined.run(decode(product()), failed=True)
    defined.run(decode(product(a=0xC00, c=0x1000)), failed=False)
    assert defined.vague[0x1000 : 0x1000 + 4 * 32].all()
    fields = {field.name: 8 for field in AGGREGATE.fields} | {"row_ptr_addr": BASE + 0xC00, "rows": 1}
    defined.run(decode(encode(AGGREGATE, **fields | {"shift": 0})), failed=False)
    assert defined.lost
