"""What the dividers make of a board's PLLs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from gatewright.driver import Accelerator
from gatewright.spec.boards import BOARDS
from gatewright_sim.virtual_board import Level, VirtualBoard

ZYNQ7, ZYNQMP = 0xF800_0170, 0xFF5E_00C0


def zynq7(source: int, first: int, second: int) -> int:
    return source << 4 | first << 8 | second << 20


def zynqmp(source: int, first: int, second: int) -> int:
    return 1 << 24 | source | first << 8 | second << 16


CASES = [
    # board, register, value, MHz
    ("pynq-z2", ZYNQ7, zynq7(0, 5, 2), 100.0),
    ("pynq-z2", ZYNQ7, zynq7(0, 8, 1), 125.0),
    ("pynq-z2", ZYNQ7, zynq7(0, 7, 1), 1000 / 7),
    ("pynq-z2", ZYNQ7, zynq7(1, 7, 1), 1000 / 7),  # 0 and 1 are the IO PLL
    ("pynq-z2", ZYNQ7, zynq7(2, 10, 1), 130.0),  # the ARM PLL
    ("pynq-z2", ZYNQ7, zynq7(3, 10, 1), 105.0),  # the DDR PLL
    ("zybo-z7-10", ZYNQ7, zynq7(0, 4, 4), 62.5),
    ("zybo-z7-10", ZYNQ7, zynq7(0, 63, 63), 1000 / 63 / 63),
    ("zybo-z7-10", ZYNQ7, zynq7(0, 0, 1), 0.0),
    ("kv260", ZYNQMP, zynqmp(0, 15, 1), 100.0),
    ("kv260", ZYNQMP, zynqmp(0, 11, 1), 1500 / 11),
    ("kv260", ZYNQMP, zynqmp(1, 11, 1), 0.0),  # reserved
]


@pytest.mark.parametrize(("name", "register", "value", "mhz"), CASES)
def test_dividers(make_board: Callable[..., VirtualBoard], name: str, register: int, value: int, mhz: float) -> None:
    board = make_board(name)
    board.write32(register, value)
    assert board.clock_mhz == pytest.approx(mhz)


@pytest.mark.parametrize("name", BOARDS)
def test_boot(make_board: Callable[..., VirtualBoard], name: str) -> None:
    board = make_board(name)
    assert board.clock_mhz == pytest.approx(board.board.boot_mhz)
    assert board.status()["clock_mhz"] == board.clock_mhz


def test_another_pll_multiplier_moves_the_clock(make_board: Callable[..., VirtualBoard]) -> None:
    """The same dividers make another clock on another board."""
    board = make_board("pynq-z2")
    board.write32(0xF800_0108, 32 << 12)
    board.write32(ZYNQ7, zynq7(0, 4, 4))
    assert board.clock_mhz == pytest.approx(100)


def test_a_clock_above_the_closed_one_is_noted(
    programmed: VirtualBoard, accelerator_on: Callable[..., object], rng: object
) -> None:
    programmed.write32(ZYNQ7, zynq7(0, 9, 1))
    assert any("111.111 MHz" in text for text in programmed.log.texts(Level.WARNING))
    assert programmed.log.texts(Level.FATAL) == []
    programmed.write32(programmed.board.registers_base + 0x20, 1)
    assert any("closed at 100.000 MHz" in text for text in programmed.log.texts(Level.FATAL))


def test_cycles_are_of_the_clock_in_which_a_design_is_first_used(
    make_board: Callable[..., VirtualBoard], download: Callable[..., str], accelerator_on: Callable[..., Accelerator]
) -> None:
    """Whether it was set before the download or after it: a memory's latency in ns is another one in cycles."""
    a = np.ones((8, 64), np.int8)
    cycles = []
    for order in ((10, "download"), ("download", 10), ("download", 40, 10), (40, "download")):
        board = make_board("zybo-z7-10")
        for what in order:
            if what == "download":
                assert download(board) == "operating"
            else:
                board.write32(ZYNQ7, zynq7(0, what, 1))
        with accelerator_on(board) as accelerator:
            accelerator.gemm(a, a)
            cycles.append(accelerator.report().cycles)
    assert cycles[0] == cycles[1] == cycles[2] > cycles[3]
