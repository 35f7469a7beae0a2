"""The accelerator in a virtual board computes what it should, and the traps of silicon catch who falls for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest

from gatewright.driver import Accelerator, AcceleratorError
from gatewright.driver.errors import BusProtocolError
from gatewright.spec.interrupt_controller import interrupt_register
from gatewright.spec.registers import register
from gatewright_sim.rtl.backend import RtlBackend
from gatewright_sim.virtual_board import BoardFrozen, Level, VirtualBoard

Make = Callable[..., VirtualBoard]


def _operands(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b = (rng.integers(-128, 128, shape, np.int8) for shape in ((9, 40), (11, 40)))
    return a, b, a.astype(np.int32) @ b.T.astype(np.int32)


@pytest.mark.parametrize("name", ["zybo-z7-10", "kv260"])
def test_a_product(
    make_board: Make,
    download: Callable[..., str],
    widths: Callable[..., None],
    accelerator_on: Callable[..., Accelerator],
    rng: np.random.Generator,
    name: str,
) -> None:
    board = make_board(name, seed=int(rng.integers(1 << 31)))  # of what registers hold before their reset
    assert download(board) == "operating"
    widths(board)
    a, b, wanted = _operands(rng)
    with accelerator_on(board) as accelerator:
        for _ in range(3):
            assert np.array_equal(accelerator.gemm(a, b), wanted)
    assert board.line.count > 0
    assert board.log.texts(Level.FATAL) == []


def test_a_flush_that_was_forgotten(
    programmed: VirtualBoard, accelerator_on: Callable[..., Accelerator], rng: np.random.Generator
) -> None:
    a, b, _ = _operands(rng)
    with accelerator_on(programmed, flushes=False) as accelerator, pytest.raises(AcceleratorError, match="BAD_OPCODE"):
        accelerator.gemm(a, b)  # DRAM holds zeros where the command should be


@pytest.mark.parametrize(("name", "bits"), [("zybo-z7-10", 32), ("kv260", 128), ("kv260", 32)])
def test_a_port_of_the_wrong_width(
    make_board: Make,
    download: Callable[..., str],
    widths: Callable[..., None],
    accelerator_on: Callable[..., Accelerator],
    rng: np.random.Generator,
    name: str,
    bits: int,
) -> None:
    """128 bits is what Kria boots with."""
    board = make_board(name)
    assert download(board) == "operating"
    widths(board, bits)
    a, b, wanted = _operands(rng)
    with accelerator_on(board) as accelerator:
        try:
            right = np.array_equal(accelerator.gemm(a, b), wanted)
        except AcceleratorError:
            right = False
    assert not right
    assert any(f"{bits} bits" in text for text in board.log.texts(Level.FATAL))


@pytest.mark.parametrize("corrupts", [False, True])
def test_a_clock_that_is_too_fast(
    make_board: Make,
    download: Callable[..., str],
    accelerator_on: Callable[..., Accelerator],
    rng: np.random.Generator,
    corrupts: bool,
) -> None:
    board = make_board(overclock_corrupts=corrupts)
    assert download(board) == "operating"
    board.write32(0xF800_0170, 0x0010_0800)  # 1000 MHz / 8
    a, b, wanted = _operands(rng)
    with accelerator_on(board) as accelerator:
        try:
            right = np.array_equal(accelerator.gemm(a, b), wanted)
        except AcceleratorError:
            right = False
    assert right is not corrupts
    assert any("125.000 MHz" in text for text in board.log.texts(Level.FATAL))


def test_one_board_after_another_has_its_own_memory(
    make_board: Make,
    download: Callable[..., str],
    accelerator_on: Callable[..., Accelerator],
    rng: np.random.Generator,
) -> None:
    boards = [make_board(), make_board()]
    for board in boards:
        assert download(board) == "operating"
    with accelerator_on(boards[0]) as first, accelerator_on(boards[1]) as second:
        for _ in range(5):
            a, b, wanted = _operands(rng)
            assert np.array_equal(first.gemm(a, b), wanted)
            assert np.array_equal(second.gemm(b, a), wanted.T)


def test_an_interrupt_that_stays_does_not_stop_the_clock(
    programmed: VirtualBoard, accelerator_on: Callable[..., Accelerator], rng: np.random.Generator
) -> None:
    """A program that starts while the last one's interrupt is pending runs all the same."""
    base = programmed.board.registers_base
    a, b, _ = _operands(rng)
    with accelerator_on(programmed) as accelerator:
        accelerator.gemm(a, b)
        before = programmed.read32(base + 0x80)
        assert programmed.line.high
        programmed.write32(base + 0x20, 1)
        for _ in range(10_000):
            if programmed.read32(base + 0x24) & 3 == 2:
                break
        assert programmed.read32(base + 0x24) & 3 == 2
        assert before == pytest.approx(programmed.read32(base + 0x80), rel=0.2)


@pytest.mark.parametrize("through_controller", [False, True])
def test_the_shortest_program_raises_the_line(through_controller: bool, programmed: VirtualBoard) -> None:
    """Its end may fall into the very cycles in which the fabric is asked whether it is still busy."""
    base = programmed.board.registers_base
    if through_controller:
        for name, value in {"IER": 1, "MER": 3}.items():
            offset = programmed.board.interrupt_controller_offset + interrupt_register(name).offset
            programmed.write32(base + offset, value)
    for name, value in {"IRQ_ENABLE": 1, "PROGRAM_COUNT": 0, "CONTROL": 1}.items():
        programmed.write32(base + register(name).offset, value)
    assert programmed.wait_irq(30)
    programmed.write32(base + register("IRQ_STATUS").offset, 1)
    assert not programmed.line.high


@pytest.mark.parametrize("at", ["a write", "a run"])
def test_a_design_that_breaks_the_bus_freezes_the_board(
    programmed: VirtualBoard, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """As DDR would be by what is no burst."""
    settling = 100

    def run(_rtl: RtlBackend, cycles: int) -> bool:
        if (cycles < settling) == (at == "a write"):
            raise BusProtocolError("AXI: burst crosses 4 KiB")
        return False

    base = programmed.board.registers_base
    programmed.write32(base + register("PROGRAM_ADDR").offset, programmed.memory.base)
    programmed.write32(base + register("PROGRAM_COUNT").offset, 1000)
    monkeypatch.setattr(RtlBackend, "run", run)
    with suppress(BoardFrozen):
        programmed.write32(base + register("CONTROL").offset, 1)
    deadline = time.monotonic() + 30
    while not programmed.frozen:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (text,) = programmed.log.texts(Level.FATAL)
    assert "burst crosses 4 KiB" in text
