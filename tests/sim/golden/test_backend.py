"""The golden backend does bounded work: watchdog and timeout end what a damaged program asks for, on little memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from gatewright.driver import Accelerator, AcceleratorTimeout, DeviceArray
from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, VECTOR, CommandSpec, GemmFlags, VectorFlags, encode
from gatewright_sim.golden import engines

SIZE = 8 << 20
"""Bytes of the one array that every operand lies in."""
LONG_ROW = SIZE - 8
"""Where in it the row pointers 0 and 2**20 are; the rest is zero."""
MOST_MEMORY = 1 << 30

DAMAGED: dict[str, tuple[CommandSpec, int, dict[str, int]]] = {
    # Sizes and offsets of addresses: sizes that the contract allows, and
    # all operands lie in the array since their rows overlap.
    "gemm": (GEMM, GemmFlags.OUT_INT32, {"m": 1 << 23, "n": 1 << 22, "k": 4096}),
    "gemm of a long B": (GEMM, GemmFlags.OUT_INT32, {"m": 1, "n": 1 << 22, "k": 4096}),
    "gemm of a large result": (GEMM, GemmFlags.PARAMS, {"m": 1 << 22, "n": 1 << 12, "k": 8}),
    "gemm of a wide B": (GEMM, GemmFlags.PARAMS | GemmFlags.B_KN, {"m": 1 << 12, "n": 1 << 20, "k": 4096}),
    "attention": (ATTENTION, 0, {"seq_q": 1 << 23, "seq_kv": 512, "heads": 1 << 15, "head_dim": 64}),
    "attention of many heads": (ATTENTION, 0, {"seq_q": 64, "seq_kv": 512, "heads": 1 << 15, "head_dim": 64}),
    "attention of many queries": (ATTENTION, 4, {"seq_q": 1 << 23, "seq_kv": 1, "heads": 1, "head_dim": 64}),
    "aggregate": (AGGREGATE, 0, {"rows": 1 << 20, "cols": 1 << 31, "nnz": 1 << 31, "features": 1024}),
    "aggregate of empty rows": (AGGREGATE, 0, {"rows": 1 << 20, "cols": 1, "nnz": 0, "features": 1024}),
    "aggregate of a long row": (
        AGGREGATE,
        0,
        {"rows": 1, "cols": 1 << 31, "nnz": 1 << 20, "features": 1024, "row_ptr_addr": LONG_ROW},
    ),
    "vector": (VECTOR, 0, {"rows": (1 << 24) - 1, "cols": 2048}),
    "vector of overlapping rows": (VECTOR, 0, {"rows": 1 << 19, "cols": 2048, "a_stride": 8}),
    "vector of one row": (VECTOR, VectorFlags.PER_COLUMN, {"rows": 1 << 21, "cols": 2048}),
}


@pytest.fixture
def array() -> np.ndarray:
    values = np.zeros(SIZE // 4, np.uint32)
    values[-1] = 1 << 20
    return values.view(np.int8)


def damaged(case: str, operand: DeviceArray) -> bytes:
    spec, flags, changes = DAMAGED[case]
    values = dict.fromkeys((field.name for field in spec.fields), 0)
    values |= changes
    values |= {name: operand.address + value for name, value in values.items() if name.endswith("_addr")}
    return encode(spec, flags, **values)


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def assert_works(accelerator: Accelerator) -> None:
    a, b = np.arange(12, dtype=np.int8).reshape(3, 4), np.ones((5, 4), np.int8)
    np.testing.assert_array_equal(accelerator.gemm(a, b), a.astype(np.int32) @ b.T)


@pytest.mark.parametrize("case", DAMAGED)
def test_the_watchdog_bounds_a_commands_work(case: str, array: np.ndarray) -> None:
    spec = DAMAGED[case][0]
    with Accelerator("pynq-z2", "golden", watchdog_cycles=20_000) as accelerator:
        operand = accelerator.upload(array)
        for _ in range(2):
            with pytest.raises(AcceleratorTimeout, match="not done after 20,000 cycles") as caught:
                accelerator.run([sound(operand), damaged(case, operand)])
            assert (caught.value.engine, caught.value.index) == (spec.engine, 1)
            assert_works(accelerator)


def sound(operand: DeviceArray) -> bytes:
    """A command that is right, before the damaged one."""
    fields = dict.fromkeys((field.name for field in GEMM.fields if not field.with_flag), 8)
    return encode(GEMM, GemmFlags.OUT_INT32, **fields | {f"{name}_addr": operand.address for name in "abc"})


@pytest.mark.parametrize("case", DAMAGED)
@pytest.mark.usefixtures("traced")
def test_the_timeout_bounds_what_the_drivers_own_watchdog_lets_pass(case: str, array: np.ndarray) -> None:
    with Accelerator("pynq-z2", "golden", timeout_s=0.05) as accelerator:
        operand = accelerator.upload(array)
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with pytest.raises(AcceleratorTimeout, match="command 0") as caught:
            accelerator.run([damaged(case, operand)])
        assert tracemalloc.get_traced_memory()[1] - before < MOST_MEMORY
        assert caught.value.engine == DAMAGED[case][0].engine
        assert_works(accelerator)


def test_a_wait_without_time_still_gets_on(array: np.ndarray) -> None:
    with Accelerator("pynq-z2", "golden") as accelerator:
        backend, registers = accelerator.backend, accelerator.registers
        program = accelerator.upload(np.frombuffer(sound(accelerator.upload(array)) * 3, np.uint8))
        registers.write("PROGRAM_ADDR", program.address)
        registers.write("PROGRAM_COUNT", 3)
        registers.write_fields("IRQ_ENABLE", done=1)
        registers.write_fields("CONTROL", start=1)
        seen = []
        while not backend.wait(0.0):
            assert registers.field("STATUS", "busy")
            seen.append(registers.read("COMMAND_INDEX"))
        assert seen == [0, 1, 2]
        assert registers.read("COMMANDS_GEMM") == 3


def test_an_interrupt_in_the_middle_of_a_command(array: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with Accelerator("pynq-z2", "golden") as accelerator:
        operand = accelerator.upload(array)
        with monkeypatch.context() as patch:
            patch.setattr(engines, "gemm", interrupt)
            with pytest.raises(KeyboardInterrupt):
                accelerator.run([sound(operand)])
        assert accelerator.registers.read("STATUS") == 0
        assert_works(accelerator)
