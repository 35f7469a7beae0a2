"""Clocks by registers that are only kept: every setting, and every moment on the way to it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gatewright.driver.board.clocks import read_clock, set_clock
from gatewright.driver.errors import BoardError
from gatewright.spec.boards import BOARDS, Board
from gatewright.spec.errors import SpecError


class Registers(dict):
    """A window; remembers each frequency that a write made."""

    def __init__(self, board: Board, first: int, second: int, source: str | None = None) -> None:
        block, plls = board.family.clocks, board.plls
        super().__init__()
        for pll in plls:
            value = pll.multiplier << block.multiplier.lsb
            if block.halved is not None:
                value |= pll.halved << block.halved.lsb
            self[block.pll_control[pll.name]] = value
        code = block.source_code[source or plls[0].name]
        value = first << block.divisor0.lsb | second << block.divisor1.lsb | code << block.source.lsb
        self[block.control[0]] = value | (1 << block.running.lsb if block.running else 0)
        self._board = board
        self.seen: list[float] = []

    def read(self, offset: int) -> int:
        return self[offset]

    def write(self, offset: int, value: int) -> None:
        assert offset == self._board.family.clocks.control[0], "another register than fabric clock 0's"
        self[offset] = value
        self.seen.append(read_clock(self, self._board).mhz)


DIVISORS = [(1, 8), (8, 1), (5, 2), (2, 5), (63, 63), (1, 40), (40, 1), (7, 7), (63, 1)]


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(DIVISORS, 2)))
def test_the_way_is_never_faster_than_its_ends(board: Board, before: tuple, after: tuple) -> None:
    registers = Registers(board, *before)
    start = read_clock(registers, board).mhz
    most = board.fabric_pll_mhz / (after[0] * after[1])
    found = set_clock(registers, board, most)
    assert found.mhz == pytest.approx(most)
    assert max(registers.seen, default=0) <= max(start, most) * (1 + 1e-9)


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_never_above_what_is_allowed(board: Board, rng: np.random.Generator) -> None:
    for most in rng.uniform(5, 250, 200):
        found = set_clock(Registers(board, 5, 2), board, most)
        assert 0.8 * most < found.mhz <= most * (1 + 1e-9)


def test_another_source_is_left_slowly() -> None:
    board = BOARDS["pynq-z2"]
    registers = Registers(board, 13, 1, "ARM")
    assert read_clock(registers, board).mhz == pytest.approx(100)
    assert set_clock(registers, board, 125).mhz == pytest.approx(125)
    assert max(registers.seen) <= 125 * (1 + 1e-9)
    assert read_clock(registers, board).pll == "IO"


def test_both_codes_of_the_io_pll() -> None:
    """SRCSEL 0x is the IO PLL, whatever x is (UG585, FPGA0_CLK_CTRL)."""
    board = BOARDS["zybo-z7-10"]
    registers = Registers(board, 10, 1)
    registers[board.family.clocks.control[0]] |= 1 << 4
    assert read_clock(registers, board).mhz == pytest.approx(100)


@pytest.mark.parametrize("divisors", [(0, 1), (1, 0), (0, 0)])
def test_a_clock_that_stands_still(divisors: tuple[int, int]) -> None:
    board = BOARDS["kv260"]
    assert read_clock(Registers(board, *divisors), board).mhz == 0
    assert set_clock(Registers(board, *divisors), board, 100).mhz == pytest.approx(100)


def test_a_gated_clock_is_switched_on() -> None:
    board = BOARDS["kv260"]
    registers = Registers(board, 15, 1)
    running = board.family.clocks.running
    registers[board.family.clocks.control[0]] &= ~(1 << running.lsb)
    assert read_clock(registers, board).mhz == 0
    assert set_clock(registers, board, 100).mhz == pytest.approx(100)


def test_a_pll_that_is_off() -> None:
    board = BOARDS["pynq-z2"]
    registers = Registers(board, 5, 2)
    registers[board.family.clocks.pll_control["IO"]] = 0
    with pytest.raises(BoardError, match="PLL IO has multiplier 0"):
        set_clock(registers, board, 100)


def test_a_clock_that_no_divider_makes() -> None:
    board = BOARDS["pynq-z2"]
    with pytest.raises(SpecError, match=r"clock of 0\.1 MHz"):
        set_clock(Registers(board, 5, 2), board, 0.1)
