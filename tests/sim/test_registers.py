"""The words of spec.registers, held against the registers of the RTL and of the golden model alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import AGGREGATE, GEMM, GemmFlags, encode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import REGISTER_BYTES, REGISTERS, Access, constants, register
from gatewright_sim.golden.backend import GoldenBackend
from gatewright_sim.rtl.backend import RtlBackend

TINY = get_config("tiny")
START, RESET = (1 << register("CONTROL").field(name).lsb for name in ("start", "reset"))
COUNTERS = [entry.name for entry in REGISTERS if entry.name.split("_")[0] in ("CYCLES", "READ", "WRITE", "COMMANDS")]
WRITABLE = [entry.name for entry in REGISTERS if entry.access is Access.RW]


class Device:
    """A backend's registers by name, and a program of small products in its memory."""

    def __init__(self, backend: Any) -> None:
        self.backend = backend
        self.memory = backend.allocate(4096)
        at = self.memory.address
        values = {"a_addr": at + 1024, "b_addr": at + 2048, "c_addr": at + 3072, "params_addr": 0}
        values |= {"m": 1, "n": 8, "k": 8, "a_stride": 8, "b_stride": 8, "c_stride": 32}
        self.product = encode(GEMM, GemmFlags.OUT_INT32, **values)

    def read(self, name: str) -> int:
        return self.backend.read(register(name).offset)

    def field(self, name: str, field: str) -> int:
        return register(name).extract(self.read(name), field)

    def write(self, name: str, value: int) -> None:
        self.backend.write(register(name).offset, value)

    def snapshot(self, names: list[str]) -> dict[str, int]:
        return {name: self.read(name) for name in names}

    def start(self, *commands: bytes, watchdog: int = 0) -> None:
        image = np.frombuffer(b"".join(commands), np.uint8)
        self.memory.array[: len(image)] = image
        self.write("PROGRAM_ADDR", self.memory.address)
        self.write("PROGRAM_COUNT", len(commands))
        self.write("WATCHDOG", watchdog)
        self.write("IRQ_STATUS", 1)
        self.write("IRQ_ENABLE", 1)
        self.write("CONTROL", START)

    def rest(self) -> None:
        """Longer than the memory needs to forget which rows are open."""
        for _ in range(50):
            self.read("STATUS")

    def run(self, *commands: bytes, watchdog: int = 0) -> ErrorCode:
        self.start(*commands, watchdog=watchdog)
        assert self.backend.wait(60)
        return ErrorCode(self.field("ERROR", "code"))


@pytest.fixture(params=[GoldenBackend, RtlBackend], ids=["golden", "rtl"])
def device(request: pytest.FixtureRequest) -> Iterator[Device]:
    backend = request.param(TINY)
    yield Device(backend)
    backend.close()


@pytest.fixture
def rtl() -> Iterator[Device]:
    """What has a clock."""
    backend = RtlBackend(TINY)
    yield Device(backend)
    backend.close()


@pytest.mark.parametrize("name", [entry.name for entry in REGISTERS if entry.access is not Access.COMMAND])
def test_every_register_takes_and_shows_what_its_access_says(device: Device, name: str) -> None:
    """After a program: ones, zeros and a pattern are held where the register is written to, and nowhere else."""
    assert device.run(device.product) is ErrorCode.NONE
    entry, before = register(name), device.read(name)
    for value in (0, 0x1234_5678, 0xFFFF_FFFF, 0):
        device.write(name, value)
        match entry.access:
            case Access.RW:
                before = value & entry.mask
            case Access.W1C:
                before &= ~value
        assert device.read(name) == before
    assert device.snapshot(list(constants(TINY))) == constants(TINY)


@pytest.mark.parametrize("offset", [0x04C, 0x07C, 0x0A4, 0x100, 0x830, REGISTER_BYTES - 4])
def test_where_no_register_lies(device: Device, offset: int) -> None:
    assert offset not in {entry.offset for entry in REGISTERS}
    before = device.snapshot([entry.name for entry in REGISTERS])
    device.backend.write(offset, 0xFFFF_FFFF)
    assert device.backend.read(offset) == 0
    assert device.snapshot([entry.name for entry in REGISTERS]) == before


@pytest.mark.parametrize("other", [1, 3, REGISTER_BYTES])
def test_bits_outside_a_words_place_in_the_block_are_not_decoded(device: Device, other: int) -> None:
    offset = register("PROGRAM_COUNT").offset
    device.backend.write(offset + other, 77)
    assert device.backend.read(offset + other) == device.read("PROGRAM_COUNT") == 77


@pytest.mark.parametrize("value", [0, START, RESET, START | RESET])
def test_control_reads_as_zero(device: Device, value: int) -> None:
    device.write("CONTROL", value)
    assert device.read("CONTROL") == 0


def test_a_reset_wins_over_a_start(device: Device) -> None:
    assert device.run(device.product, device.product) is ErrorCode.NONE
    device.write("CONTROL", START | RESET)
    assert (device.read("STATUS"), device.read("COMMANDS_GEMM")) == (0, 2)
    assert not device.backend.wait(0.0)


def test_a_reset_clears_the_outcome_and_keeps_settings_and_counters(device: Device) -> None:
    assert device.run(device.product, device.product, bytes(64), watchdog=100_000) is ErrorCode.BAD_OPCODE
    kept = device.snapshot(COUNTERS + WRITABLE)
    assert (kept["COMMANDS_GEMM"], kept["IRQ_ENABLE"], device.read("IRQ_STATUS")) == (2, 1, 1)
    assert (device.read("ERROR_INDEX"), device.read("COMMAND_INDEX")) == (2, 2)
    device.write("CONTROL", RESET)
    assert device.snapshot(["STATUS", "ERROR", "ERROR_INDEX", "COMMAND_INDEX", "IRQ_STATUS"]) == dict.fromkeys(
        ("STATUS", "ERROR", "ERROR_INDEX", "COMMAND_INDEX", "IRQ_STATUS"), 0
    )
    assert not device.backend.wait(0.0)
    assert device.snapshot(COUNTERS + WRITABLE) == kept
    assert device.run(device.product) is ErrorCode.NONE


@pytest.mark.parametrize("commands", [0, 1, 3])
def test_a_start_begins_the_counters_and_the_index_anew(device: Device, commands: int) -> None:
    assert device.run(*[device.product] * 2, bytes(64)) is ErrorCode.BAD_OPCODE
    assert device.run(*[device.product] * commands) is ErrorCode.NONE
    assert device.read("COMMANDS_GEMM") == commands
    assert device.read("COMMAND_INDEX") == max(commands - 1, 0)
    assert (device.read("ERROR"), device.read("ERROR_INDEX"), device.read("STATUS")) == (0, 0, 0b010)


def test_only_commands_without_an_error_are_counted(device: Device) -> None:
    outside = encode(GEMM, GemmFlags.OUT_INT32, **{field.name: 8 for field in GEMM.fields if not field.with_flag})
    assert device.run(device.product, outside, device.product) is ErrorCode.READ_DECERR
    assert (device.read("COMMANDS_GEMM"), device.read("ERROR_INDEX")) == (1, 1)


def test_irq_is_the_status_where_it_is_enabled(device: Device) -> None:
    device.start(device.product)
    device.write("IRQ_ENABLE", 0)
    assert not device.backend.wait(0.05)
    assert (device.read("IRQ_STATUS"), device.read("STATUS")) == (1, 0b010)
    device.write("IRQ_ENABLE", 1)
    assert device.backend.wait(0.05)
    device.write("IRQ_STATUS", 0)
    assert device.backend.wait(0.05)
    device.write("IRQ_STATUS", 1)
    assert not device.backend.wait(0.05)


class TestAMemoryThatDoesNotAnswer:
    """Busy for as long as the program's accesses wait, or until the watchdog ends it."""

    @pytest.fixture(autouse=True)
    def _hang(self, device: Device) -> None:
        assert device.run(device.product) is ErrorCode.NONE
        device.backend.faults.hang = True

    def test_a_reset_of_what_is_idle_waits_for_nothing(self, device: Device) -> None:
        device.write("CONTROL", RESET)
        assert device.read("STATUS") == 0

    def test_a_start_while_busy_is_ignored(self, device: Device) -> None:
        device.start(device.product, device.product)
        assert not device.backend.wait(0.05)
        before = device.snapshot(COUNTERS)
        device.write("PROGRAM_COUNT", 0)  # would be done at once
        device.write("CONTROL", START)
        assert not device.backend.wait(0.05)
        after = device.snapshot(COUNTERS)
        assert (after.pop("CYCLES"), device.read("STATUS")) >= (before.pop("CYCLES"), 0b001)
        assert after == before

    def test_a_start_after_a_watchdog_error_is_one_of_nothing_with_that_error(self, device: Device) -> None:
        assert device.run(device.product, watchdog=500) is ErrorCode.WATCHDOG
        assert device.run(device.product, watchdog=500) is ErrorCode.WATCHDOG
        assert device.read("STATUS") == 0b110
        assert device.snapshot(COUNTERS) == dict.fromkeys(COUNTERS, 0)
        assert (device.read("ERROR"), device.read("ERROR_INDEX")) == (ErrorCode.WATCHDOG, 0)

    @pytest.mark.parametrize("watchdog", [0, 500])
    def test_a_reset_is_busy_until_the_memory_answers(self, device: Device, watchdog: int) -> None:
        device.start(device.product, watchdog=watchdog)
        assert device.backend.wait(0.05) is bool(watchdog)
        device.write("CONTROL", RESET)
        assert (device.field("STATUS", "busy"), device.read("IRQ_STATUS")) == (1, 0)
        assert not device.backend.wait(0.0)
        assert device.field("ERROR", "code") == (ErrorCode.WATCHDOG if watchdog else ErrorCode.NONE)
        device.write("CONTROL", START)  # ignored, as it is busy
        device.backend.faults.hang = False
        device.write("IRQ_ENABLE", 1)
        assert not device.backend.wait(0.05)
        assert (device.read("STATUS"), device.read("ERROR")) == (0, 0)
        assert device.run(device.product) is ErrorCode.NONE


def test_a_faulty_matrix_ends_an_aggregation_before_its_watchdog(device: Device) -> None:
    at = device.memory.address
    values = {field.name: 8 for field in AGGREGATE.fields} | {"nnz": 1 << 20, "features": 128, "shift": 0, "rows": 2}
    places = {"row_ptr_addr": at + 1024, "col_addr": at, "weight_addr": at, "x_addr": at, "y_addr": at + 2048}
    device.memory.array[1024:1036].view(np.uint32)[:] = [0, 3, 2]
    columns = {"col_addr": at + 1280}
    device.memory.array[1280:1536] = 0
    command = encode(AGGREGATE, **values | places | columns)
    assert device.run(command, watchdog=10_000) is ErrorCode.BAD_ROW_POINTER


@pytest.mark.parametrize("accesses", [1, 4, 12])
def test_a_start_while_busy_leaves_the_counters_alone(device: Device, accesses: int) -> None:
    program = [device.product] * 4
    assert device.run(*program) is ErrorCode.NONE
    expected = device.snapshot(COUNTERS)
    device.start(*program)
    for _ in range(accesses):  # each takes some cycles
        assert device.field("STATUS", "busy")
    device.write("CONTROL", START)
    assert device.backend.wait(60)
    assert device.snapshot(COUNTERS) == expected
    assert (expected["COMMANDS_GEMM"], device.read("STATUS")) == (4, 0b010)


def test_program_registers_are_taken_at_the_start(device: Device) -> None:
    device.start(device.product, device.product)
    device.write("PROGRAM_ADDR", 4)
    device.write("PROGRAM_COUNT", 9)
    assert device.field("STATUS", "busy")
    assert device.backend.wait(60)
    assert (device.read("ERROR"), device.read("COMMANDS_GEMM")) == (0, 2)


def test_the_watchdog_allows_exactly_its_cycles(rtl: Device) -> None:
    """Of a program of one command all but two cycles lie between the command's fetch and its end."""
    assert rtl.run(rtl.product) is ErrorCode.NONE
    cycles = rtl.read("CYCLES") - 2
    rtl.rest()
    assert rtl.run(rtl.product, watchdog=cycles) is ErrorCode.NONE
    rtl.rest()
    assert rtl.run(rtl.product, watchdog=cycles - 1) is ErrorCode.WATCHDOG
    rtl.write("CONTROL", RESET)


@pytest.mark.parametrize("watchdog", [1, 2, 3, 20])
def test_the_watchdog_stops_a_command_after_its_cycles(rtl: Device, watchdog: int) -> None:
    assert rtl.run(rtl.product, watchdog=watchdog) is ErrorCode.WATCHDOG
    assert rtl.read("CYCLES") == 1 + watchdog  # the request of the fetch comes before


def test_a_watchdog_written_while_busy_counts_from_the_next_fetch(device: Device) -> None:
    device.start(device.product, device.product)
    device.write("WATCHDOG", 1)
    assert device.read("COMMAND_INDEX") == 0
    assert device.backend.wait(60)
    assert (device.field("ERROR", "code"), device.read("ERROR_INDEX")) == (ErrorCode.WATCHDOG, 1)
