"""Boards and clocks: what the data sheets say, and which frequencies the dividers make."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.spec.boards import BOARDS, Board, get_board
from gatewright.spec.clocks import ClockSetting, Family, clock_settings, fastest_at_most
from gatewright.spec.config import CONFIGS
from gatewright.spec.errors import SpecError
from gatewright.spec.registers import REGISTER_BYTES

FAST = {
    # The fastest clocks that PYNQ's board has: 1000 MHz over whole numbers.
    "pynq-z2": [(142, 125.0, 8), (142.9, 1000 / 7, 7), (100, 100.0, 10), (99.9, 1000 / 11, 11), (200, 200.0, 5)],
    "zybo-z7-10": [(100, 100.0, 10), (66, 62.5, 16), (125, 125.0, 8)],
    "kv260": [(100, 100.0, 15), (142, 1500 / 11, 11), (149.9, 1500 / 11, 11), (300, 300.0, 5)],
}
CASES = [(name, *case) for name, cases in FAST.items() for case in cases]


@pytest.mark.parametrize(("name", "asked", "mhz", "product"), CASES)
def test_a_clock_snaps_to_what_the_dividers_make(name: str, asked: float, mhz: float, product: int) -> None:
    setting = get_board(name).clock_at_most(asked)
    assert setting.mhz == pytest.approx(mhz)
    assert setting.divisor0 * setting.divisor1 == product


@given(pll=st.floats(500, 2000), asked=st.floats(1, 2000))
def test_no_setting_lies_between_the_one_taken_and_the_one_asked_for(pll: float, asked: float) -> None:
    taken = fastest_at_most(pll, asked)
    assert taken.mhz <= asked * (1 + 1e-9)
    assert not [other for other in clock_settings(pll) if taken.mhz < other.mhz <= asked]
    assert taken == ClockSetting.of(pll, taken.divisor0, taken.divisor1)


@pytest.mark.parametrize("asked", [0, 0.1, -5, math.nan])
def test_a_clock_that_is_too_slow_is_refused(asked: float) -> None:
    with pytest.raises(SpecError, match=r"board 'pynq-z2': clock of .* MHz, allowed: 0.251953 to 1000"):
        get_board("pynq-z2").clock_at_most(asked)


@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (64, 1), (1, 64), (-1, 1)])
def test_what_is_no_divider_is_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(SpecError, match=r"divisor[01] is -?\d+, allowed 1..63"):
        ClockSetting.of(1000, *pair)


def test_the_boot_clocks_of_the_boards() -> None:
    """IO PLLs as the images leave them: 50 MHz x 20, 33.3 MHz x 30, 33.3 MHz x 90 / 2."""
    expected = {"pynq-z2": 1000, "zybo-z7-10": 1000, "kv260": 1500}
    assert {name: get_board(name).fabric_pll_mhz for name in expected} == pytest.approx(expected)


def test_an_unknown_board_is_refused() -> None:
    with pytest.raises(SpecError, match=r"unknown board 'arty', allowed: .*kv260, pynq-z2"):
        get_board("arty")


def test_an_unknown_pll_is_refused() -> None:
    with pytest.raises(SpecError, match="board 'kv260' has no PLL 'DDR', allowed: IO"):
        get_board("kv260").pll("DDR")


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_board_fits_together(board: Board) -> None:
    assert BOARDS[board.name] is board
    assert board.default_config.name in CONFIGS
    assert board.clock_at_most(board.boot_mhz).mhz == pytest.approx(board.boot_mhz)
    assert board.window_bytes.bit_count() == 1
    assert board.registers_base % board.window_bytes == 0
    assert REGISTER_BYTES <= board.interrupt_controller_offset < board.window_bytes
    assert board.interrupt_controller_offset % 0x1000 == 0
    for pll in board.plls:
        block = board.family.clocks
        assert pll.name in block.pll_control
        assert pll.name in block.source_code
        assert pll.multiplier < 1 << block.multiplier.width
        assert pll.halved <= (block.halved is not None)
    names, interrupt = {
        Family.ZYNQ7: ({f"S_AXI_HP{i}" for i in range(4)}, 61),
        Family.ZYNQMP: ({f"S_AXI_HP{i}_FPD" for i in range(4)}, 121),
    }[board.family]
    assert set(board.memory_ports) <= names
    assert board.interrupt == interrupt, "bit 0 of the fabric's interrupts"


@pytest.mark.parametrize(("board", "device"), [("pynq-z2", "xc7z020"), ("zybo-z7-10", "xc7z010"), ("kv260", "xck26")])
def test_the_device_of_a_part(board: str, device: str) -> None:
    assert get_board(board).device == device


def test_a_part_without_package_is_refused() -> None:
    with pytest.raises(SpecError, match=r"part is '7z020', allowed: Vivado's full name"):
        _ = replace(get_board("pynq-z2"), part="7z020").device


def test_the_registers_of_the_clocks() -> None:
    """UG585, SLCR: FPGA0_CLK_CTRL at 0x170 resets to 0x00101800. UG1087, CRL_APB: PL0_REF_CTRL at 0xC0."""
    zynq7, zynqmp = Family.ZYNQ7.clocks, Family.ZYNQMP.clocks
    assert (zynq7.base + zynq7.control[0], zynqmp.base + zynqmp.control[0]) == (0xF800_0170, 0xFF5E_00C0)
    fields = {
        name: 0x0010_1800 >> field.lsb & (1 << field.width) - 1
        for name, field in (("div0", zynq7.divisor0), ("div1", zynq7.divisor1), ("source", zynq7.source))
    }
    assert fields == {"div0": 24, "div1": 1, "source": 0}


@pytest.mark.parametrize(("name", "gigabytes"), [("pynq-z2", 2.1), ("zybo-z7-10", 4.2667), ("kv260", 19.2)])
def test_memory_is_as_fast_as_the_boards(name: str, gigabytes: float) -> None:
    for clock_mhz in (50.0, 125.0):
        model = get_board(name).memory_model(clock_mhz)
        assert model.clock_mhz == clock_mhz
        assert model.dram_bytes_per_cycle * clock_mhz / 1000 == pytest.approx(gigabytes, rel=1e-4)
