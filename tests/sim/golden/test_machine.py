"""The functional model of the accelerator: registers, programs, errors; and its memory's accesses."""

from __future__ import annotations

import numpy as np
import pytest

from gatewright.spec.commands import AGGREGATE, GEMM, GemmFlags, encode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.registers import register
from gatewright_sim.golden.machine import GoldenMachine
from gatewright_sim.memory import BusFault, SimulatedMemory

TINY = get_config("tiny")
BASE, SIZE, TOP = 0x1000_0000, 1 << 16, 1 << 32


class Bench:
    """A machine with its registers by name."""

    def __init__(self) -> None:
        self.memory = SimulatedMemory(BASE, SIZE)
        self.machine = GoldenMachine(TINY, self.memory)

    def read(self, name: str) -> int:
        return self.machine.read(register(name).offset)

    def write(self, name: str, value: int) -> None:
        self.machine.write(register(name).offset, value)

    def run(self, *commands: bytes, at: int = BASE, count: int | None = None) -> None:
        image = np.frombuffer(b"".join(commands), np.uint8)
        self.memory.array[: len(image)] = image
        self.write("PROGRAM_ADDR", at)
        self.write("PROGRAM_COUNT", len(commands) if count is None else count)
        self.write("CONTROL", 1)
        self.machine.run()

    @property
    def error(self) -> tuple[int, int, int]:
        """Code, detail and index."""
        value = self.read("ERROR")
        return (
            register("ERROR").extract(value, "code"),
            register("ERROR").extract(value, "detail"),
            self.read("ERROR_INDEX"),
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def _gemm(**changes: int) -> bytes:
    values = {"a_addr": BASE + 0x1000, "b_addr": BASE + 0x2000, "c_addr": BASE + 0x3000, "params_addr": 0}
    values |= {"m": 2, "n": 3, "k": 8, "a_stride": 8, "b_stride": 8, "c_stride": 16} | changes
    return encode(GEMM, GemmFlags.OUT_INT32, **values)


def _aggregate(**changes: int) -> bytes:
    values = {"row_ptr_addr": BASE + 0x1000, "col_addr": BASE + 0x2000, "weight_addr": BASE + 0x2800}
    values |= {"x_addr": BASE + 0x3000, "y_addr": BASE + 0x4000, "rows": 1, "cols": 4, "nnz": 2, "features": 8}
    values |= {"x_stride": 8, "y_stride": 8, "multiplier": 1, "shift": 0} | changes
    return encode(AGGREGATE, **values)


def test_a_program_runs_and_interrupts(bench: Bench) -> None:
    bench.memory.array[0x1000:0x1010] = 1
    bench.memory.array[0x2000:0x2018] = np.repeat([1, 2, 3], 8)
    bench.write("IRQ_ENABLE", 1)
    assert bench.read("STATUS") == 0
    bench.run(_gemm(), _gemm(c_addr=BASE + 0x3100))
    assert bench.read("STATUS") == 0b010
    assert bench.machine.irq
    assert bench.read("COMMANDS_GEMM") == 2
    assert bench.read("COMMAND_INDEX") == 1
    for at in (0x3000, 0x3100):
        rows = bench.memory.array[at : at + 32].view(np.int32).reshape(2, 4)
        assert rows[:, :3].tolist() == [[8, 16, 24]] * 2
        assert not rows[:, 3].any()
    bench.write("IRQ_STATUS", 1)
    assert not bench.machine.irq


def test_an_empty_program_is_done_at_once(bench: Bench) -> None:
    bench.run()
    assert bench.read("STATUS") == 0b010


def test_an_error_is_cleared_by_the_next_start_and_by_a_reset(bench: Bench) -> None:
    bench.run(_gemm(), bytes(64))
    assert bench.read("STATUS") == 0b110
    assert bench.error == (ErrorCode.BAD_OPCODE, 0, 1)
    assert not bench.machine.irq  # not enabled
    bench.run(_gemm())
    assert bench.read("STATUS") == 0b010
    assert bench.error == (0, 0, 0)
    bench.run(_gemm(a_addr=BASE + 4))
    assert bench.error == (ErrorCode.UNALIGNED, 1, 0)
    bench.write("WATCHDOG", 77)
    bench.write("CONTROL", 2)
    assert bench.read("STATUS") == 0
    assert bench.error == (0, 0, 0)
    assert bench.read("WATCHDOG") == 77


@pytest.mark.parametrize(
    ("address", "count", "error"),
    [
        (BASE + 4, 1, (ErrorCode.UNALIGNED, 0, 0)),
        (0, 1, (ErrorCode.READ_DECERR, 0, 0)),
        (BASE + SIZE - 32, 1, (ErrorCode.READ_DECERR, 0, 0)),
        (BASE, 3, (ErrorCode.BAD_OPCODE, 0, 2)),
    ],
)
def test_where_a_program_cannot_lie(bench: Bench, address: int, count: int, error: tuple[int, int, int]) -> None:
    bench.run(_gemm(), _gemm(), at=address, count=count)
    assert bench.error == error


def test_a_slverr_on_the_command_fetch(bench: Bench) -> None:
    bench.memory.faults.slverr = (BASE, BASE + 8)
    bench.run(_gemm())
    assert bench.error == (ErrorCode.READ_SLVERR, 0, 0)


def test_a_bus_error_outranks_what_the_engine_finds(bench: Bench) -> None:
    bench.memory.array[0x1000:0x1008].view(np.uint32)[:] = (0, 2)
    bench.memory.array[0x2000:0x2008].view(np.uint32)[:] = (9, 9)  # columns beyond cols
    bench.run(_aggregate())
    assert bench.error == (ErrorCode.BAD_INDEX, 0, 0)
    bench.run(_aggregate(weight_addr=0))
    assert bench.error == (ErrorCode.READ_DECERR, 0, 0)
    bench.run(_aggregate(row_ptr_addr=0))
    assert bench.error == (ErrorCode.READ_DECERR, 0, 0)
    bench.run(_aggregate(y_addr=0))
    assert bench.error == (ErrorCode.BAD_INDEX, 0, 0)


END = BASE + SIZE
"""Of the memory: what begins so many elements before it ends outside."""
NONE, INDEX, POINTER, DECERR = ErrorCode.NONE, ErrorCode.BAD_INDEX, ErrorCode.BAD_ROW_POINTER, ErrorCode.READ_DECERR


@pytest.mark.parametrize(
    ("pointers", "columns", "changes", "code"),
    [
        ([0, 2, 4], [0, 3, 9, 1], {"x_addr": END - 24}, DECERR),
        ([0, 3, 4], [0, 3, 9, 1], {"x_addr": END - 24}, DECERR),  # a sound edge, of a row that is not written
        ([0, 2, 4], [0, 1, 9, 3], {"x_addr": END - 24}, INDEX),
        ([0, 2, 1], [0, 1, 3, 3], {"x_addr": END - 24}, POINTER),
        ([0, 2, 1], [0, 3, 3, 3], {"x_addr": END - 24}, DECERR),
        ([0, 2, 4], [0, 1], {"col_addr": END - 8}, DECERR),
        ([0, 2, 4], [0, 9], {"col_addr": END - 8}, INDEX),
        ([0, 2, 1], [0, 1], {"col_addr": END - 8}, POINTER),
        ([0, 2, 2], [0, 1], {"col_addr": END - 8}, NONE),
        ([0, 1, 8], [0, 9], {"col_addr": END - 8, "weight_addr": END - 8}, INDEX),
        ([0, 1, 8], [0, 1, 2, 3, 3], {"weight_addr": END - 8}, DECERR),
        ([0, 1, 8], [0, 1, 9, 3, 3], {"weight_addr": END - 8}, INDEX),
        ([0, 1, 4], [0, 1, 2, 3, 3], {"weight_addr": END - 8}, NONE),
        ([0, 1], [0, 1, 2, 3], {"row_ptr_addr": END - 8}, DECERR),
        ([0, 1], [9, 1, 2, 3], {"row_ptr_addr": END - 8}, INDEX),
        ([0, 9], [0, 1, 2, 3], {"row_ptr_addr": END - 8}, POINTER),
        ([1, 2], [0, 1, 2, 3], {"row_ptr_addr": END - 8}, POINTER),
        ([], [], {"row_ptr_addr": END, "rows": 2**32 - 1}, DECERR),
        ([0, 1, 1], [0], {"nnz": 2**32 - 1}, NONE),
    ],
)
def test_what_an_aggregation_meets_before_its_end(
    bench: Bench, pointers: list[int], columns: list[int], changes: dict[str, int], code: ErrorCode
) -> None:
    values = {"rows": 2, "nnz": 8, "row_ptr_addr": BASE + 0x1000, "col_addr": BASE + 0x2000} | changes
    for name, entries in (("row_ptr_addr", pointers), ("col_addr", columns)):
        at = values[name] - BASE
        bench.memory.array[at : at + 4 * len(entries)].view(np.uint32)[:] = entries
    bench.run(_aggregate(**values))
    assert bench.error == (code, 0, 0)


def test_rows_that_no_edge_names_are_not_read(bench: Bench) -> None:
    bench.memory.array[0x1000:0x1008].view(np.uint32)[:] = (0, 2)
    bench.memory.array[0x2000:0x2008].view(np.uint32)[:] = (0, 1)
    last = BASE + SIZE - 16  # two rows of X, then the end of the memory
    bench.run(_aggregate(x_addr=last))
    assert bench.read("STATUS") == 0b010
    bench.memory.array[0x2000:0x2008].view(np.uint32)[:] = (0, 2)
    bench.run(_aggregate(x_addr=last))
    assert bench.error == (ErrorCode.READ_DECERR, 0, 0)


def test_a_hang_with_a_watchdog(bench: Bench) -> None:
    bench.write("WATCHDOG", 1000)
    bench.memory.faults.hang = True
    bench.run(_gemm())
    assert bench.error == (ErrorCode.WATCHDOG, 0, 0)
    bench.memory.faults.hang = False
    bench.run(_gemm())  # that error again until a reset
    assert bench.error == (ErrorCode.WATCHDOG, 0, 0)
    bench.write("CONTROL", 2)
    bench.run(_gemm())
    assert bench.read("STATUS") == 0b010


def test_a_hang_without_a_watchdog_stays_busy(bench: Bench) -> None:
    bench.write("IRQ_ENABLE", 1)
    bench.memory.faults.hang = True
    bench.run(_gemm())
    assert bench.read("STATUS") == 0b001
    assert not bench.machine.irq
    bench.write("CONTROL", 2)  # waits for the bus
    assert bench.read("STATUS") == 0b001
    bench.machine.reset()
    assert bench.read("STATUS") == 0


def test_registers(bench: Bench) -> None:
    bench.write("ID", 0)
    assert bench.read("ID") == int.from_bytes(b"GWRT", "big")
    assert bench.read("CONTROL") == 0
    bench.write("IRQ_ENABLE", 0xFFFF_FFFF)
    assert bench.read("IRQ_ENABLE") == 1  # bits without a meaning read 0
    bench.machine.write(0xFFC, 1)
    assert bench.machine.read(0xFFC) == 0


class TestMemory:
    """Accesses of the accelerator, with the overlaps and wraps that a command may ask for."""

    @pytest.fixture
    def memory(self) -> SimulatedMemory:
        memory = SimulatedMemory(BASE, 1024)
        memory.array[:] = np.arange(1024) % 251
        return memory

    @pytest.mark.parametrize(
        ("base", "window", "address", "rows", "slverr"),
        [
            (0, (0, 8), TOP - 8, 1, True),
            (0, (0, 16), TOP - 8, 1, True),
            (0, (8, 16), TOP - 8, 1, False),
            (0, (0, 8), TOP - 16, 1, False),
            (0, (8, 16), TOP - 16, 2, True),  # the second row begins at 0
            (TOP - 1024, (TOP - 8, TOP), TOP - 8, 1, True),
            (TOP - 1024, (0, 8), TOP - 8, 1, False),  # outside of the memory
            (BASE, (BASE + 1024, BASE + 1040), BASE + 1016, 1, False),
            (BASE, (BASE - 16, BASE), BASE - 8, 1, False),
            (BASE, (BASE - 8, BASE + 8), BASE - 8, 1, True),
        ],
    )
    def test_rows_over_the_top_of_the_address_space(
        self, base: int, window: tuple[int, int], address: int, rows: int, slverr: bool
    ) -> None:
        memory = SimulatedMemory(base, 1024)
        memory.faults.slverr = window
        with pytest.raises(BusFault) as caught:
            memory.read_rows(address, rows, 16, 16)
        assert (caught.value.slverr, caught.value.decerr) == (slverr, True)

    @pytest.mark.parametrize(
        ("address", "nbytes", "readable"),
        [
            (BASE, 1024, 512),
            (BASE, 12, 12),
            (BASE + 504, 16, 8),
            (BASE + 512, 8, 0),
            (BASE + 528, 2**34, 496),
            (BASE + 1024, 8, 0),
            (BASE - 8, 16, 0),
        ],
    )
    def test_what_is_readable(self, memory: SimulatedMemory, address: int, nbytes: int, readable: int) -> None:
        memory.faults.slverr = (BASE + 512, BASE + 528)
        assert memory.readable(address, nbytes) == readable

    @pytest.mark.parametrize("stride", [0, 8, 16, (1 << 32) - 8])
    def test_read_rows(self, memory: SimulatedMemory, stride: int) -> None:
        signed = stride - (1 << 32) if stride >> 31 else stride
        expected = [[(512 + row * signed + column) % 251 for column in range(12)] for row in range(4)]
        assert memory.read_rows(BASE + 512, 4, 12, stride).tolist() == expected

    @pytest.mark.parametrize("stride", [0, 8, 16, 24, (1 << 32) - 8])
    def test_write_rows(self, memory: SimulatedMemory, stride: int) -> None:
        signed = stride - (1 << 32) if stride >> 31 else stride
        values = np.arange(48, dtype=np.uint8).reshape(4, 12)
        expected = memory.array.copy()
        for row in range(4):
            expected[512 + row * signed :][:12] = values[row]
        memory.write_rows(BASE + 512, values, stride)
        assert np.array_equal(memory.array, expected)

    @pytest.mark.parametrize(
        ("address", "rows", "nbytes", "stride", "slverr", "decerr"),
        [
            (BASE - 8, 1, 16, 0, False, True),
            (BASE + 1016, 1, 9, 0, False, True),  # the second beat is outside
            (BASE + 1016, 2, 8, 8, False, True),
            (BASE + 248, 1, 16, 0, True, False),
            (BASE + 264, 2, 8, 1024, False, True),
            (BASE + 256, 2, 8, 1024, True, True),
        ],
    )
    def test_faults(
        self,
        memory: SimulatedMemory,
        address: int,
        rows: int,
        nbytes: int,
        stride: int,
        slverr: bool,
        decerr: bool,
    ) -> None:
        memory.faults.slverr = (BASE + 256, BASE + 264)
        with pytest.raises(BusFault) as caught:
            memory.read_rows(address, rows, nbytes, stride)
        assert (caught.value.slverr, caught.value.decerr) == (slverr, decerr)
        before = memory.array.copy()
        with pytest.raises(BusFault):
            memory.write_rows(address, np.zeros((rows, nbytes), np.uint8), stride)
        assert np.array_equal(memory.array, before)
