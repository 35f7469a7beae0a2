"""Physical accesses: what answers, what freezes the board, what Linux would answer with a signal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatewright.spec.clocks import Family
from gatewright.spec.interrupt_controller import interrupt_register
from gatewright.spec.registers import constants
from gatewright_sim.virtual_board import BoardFrozen, BusError, Level, VirtualBoard

SLCR = 0xF800_0000
FCLK0, RST, SHIFTERS = SLCR + 0x170, SLCR + 0x240, SLCR + 0x900
HP0_AFI = 0xF800_8000
PL0_REF = 0xFF5E_00C0


def test_the_accelerator_answers_once_it_is_programmed(programmed: VirtualBoard) -> None:
    wanted = constants(programmed.design.config)
    assert programmed.read32(programmed.board.registers_base) == wanted["ID"]
    assert programmed.log.texts(Level.FATAL) == []


UNANSWERED = {
    "nothing downloaded": (False, []),
    "clock stopped": (True, [(FCLK0, 0x0010_0000)]),
    "level shifters off": (True, [(SHIFTERS, 0)]),
    "level shifters one way": (True, [(SHIFTERS, 0xA)]),
    "held in reset": (True, [(RST, 1)]),
}


@pytest.mark.parametrize("case", UNANSWERED)
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_what_nothing_answers_freezes_the_board(
    board: VirtualBoard, download: Callable[..., str], case: str, write: bool
) -> None:
    programmed, setup = UNANSWERED[case]
    if programmed:
        assert download(board) == "operating"
    for address, value in setup:
        board.write32(address, value)
    base = board.board.registers_base
    with pytest.raises(BoardFrozen, match=f"{base:#x} is not answered"):
        board.write32(base, 0) if write else board.read32(base)
    assert board.frozen
    assert len(board.log.texts(Level.FATAL)) == 1
    for action in (lambda: board.read32(SLCR), lambda: board.allocate(64, cacheable=True), lambda: board.wait_irq(0)):
        with pytest.raises(BoardFrozen):
            action()


@pytest.mark.parametrize("address", [0x1000, 0xC000_0000, 0xE000_0000, 0xFFFF_0000, 0x1_0000_0000])
def test_an_address_without_a_slave_freezes_the_board(programmed: VirtualBoard, address: int) -> None:
    with pytest.raises(BoardFrozen, match="no slave"):
        programmed.read32(address)


@pytest.mark.parametrize("stopped", [False, True])
def test_registers_of_a_port_need_its_clock(board: VirtualBoard, stopped: bool) -> None:
    if not stopped:
        assert board.read32(HP0_AFI) & 1 == 0  # 64 bits
        assert board.read32(HP0_AFI + 0x04) == 7  # eight commands in flight
        return
    board.write32(FCLK0, 0)
    with pytest.raises(BoardFrozen, match="clock"):
        board.read32(HP0_AFI)


def test_a_clock_that_is_not_active_stands_still(make_board: Callable[..., VirtualBoard]) -> None:
    board = make_board("kv260")
    assert board.clock_mhz == pytest.approx(100)
    board.write32(PL0_REF, board.read32(PL0_REF) & ~(1 << 24))
    assert board.clock_mhz == 0


@pytest.mark.parametrize("address", [0x4001_0000, 0x7FFF_FFFC, 0x8000_0000, 0xBFFF_FFFC])
@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_the_design_answers_both_of_its_ports(programmed: VirtualBoard, address: int, write: bool) -> None:
    """Outside of its window with an error, which Linux turns into a signal; the board lives on."""
    with pytest.raises(BusError, match="error response 3"):
        programmed.write32(address, 1) if write else programmed.read32(address)
    assert not programmed.frozen
    assert programmed.read32(programmed.board.registers_base) != 0


def test_the_window_holds_the_interrupt_controller(programmed: VirtualBoard) -> None:
    controller = programmed.board.registers_base + programmed.board.interrupt_controller_offset
    enabled = interrupt_register("IER").offset
    programmed.write32(controller + enabled, 1)
    assert programmed.read32(controller + enabled) == 1
    assert programmed.read32(programmed.board.registers_base + 0x4000) == 0  # nothing is there


def test_an_unaligned_access_is_an_error(board: VirtualBoard) -> None:
    with pytest.raises(BusError, match="multiples of 4"):
        board.read32(SLCR + 2)


def test_reset_clears_the_design(programmed: VirtualBoard) -> None:
    scratch = programmed.board.registers_base + 0x34  # PROGRAM_COUNT
    programmed.write32(scratch, 5)
    assert programmed.read32(scratch) == 5
    programmed.write32(RST, 1)
    programmed.write32(RST, 0)
    assert programmed.read32(scratch) == 0


def test_the_slcr_has_a_lock(board: VirtualBoard) -> None:
    assert board.board.family is Family.ZYNQ7
    before = board.read32(FCLK0)
    board.write32(SLCR + 0x4, 0x767B)
    board.write32(FCLK0, 0)
    assert board.read32(SLCR + 0xC) == 1
    assert board.read32(FCLK0) == before
    board.write32(SLCR + 0x8, 0xDF0D)
    board.write32(FCLK0, 0x0010_0400)
    assert board.read32(FCLK0) == 0x0010_0400


def test_dram_is_seen_past_the_caches(board: VirtualBoard) -> None:
    buffer = board.allocate(8192, cacheable=True)
    buffer.cpu[:4] = [1, 2, 3, 4]
    assert board.read32(buffer.address) == 0
    buffer.sync_for_device()
    assert board.read32(buffer.address) == 0x0403_0201
    board.write32(buffer.address, 0x0808_0808)
    assert list(buffer.cpu[:4]) == [1, 2, 3, 4]


def test_switching_off_ends_waits(make_board: Callable[..., VirtualBoard]) -> None:
    board = make_board()
    board.close()
    with pytest.raises(BoardFrozen, match="switched off"):
        board.read32(SLCR)
