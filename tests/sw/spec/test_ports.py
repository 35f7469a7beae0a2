"""Widths of the processing systems' ports."""

import pytest

from gatewright.spec.boards import BOARDS, Board
from gatewright.spec.errors import SpecError
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.ports import PORT_WIDTHS, PortWidth, port_width


@pytest.mark.parametrize("entry", PORT_WIDTHS, ids=lambda entry: f"{entry.family.value}-{entry.port}")
def test_every_width_has_its_code(entry: PortWidth) -> None:
    for bits in entry.codes:
        assert entry.bits(entry.encoded(bits)) == bits
        assert entry.bits(entry.encoded(bits) | ~(((1 << entry.field.width) - 1) << entry.field.lsb)) == bits
    assert entry.boot_bits in entry.codes


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_the_ports_of_a_board_can_be_as_wide_as_the_bus(board: Board) -> None:
    for port in board.memory_ports:
        assert 8 * BUS_BYTES in port_width(board.family, port).codes


def test_no_two_ports_share_bits() -> None:
    taken: set[tuple[int, int]] = set()
    for entry in PORT_WIDTHS:
        bits = {(address, entry.field.lsb + bit) for address in entry.addresses for bit in range(entry.field.width)}
        assert not bits & taken
        taken |= bits


def test_what_is_unknown() -> None:
    (board,) = (board for board in BOARDS.values() if board.name == "kv260")
    with pytest.raises(SpecError, match="S_AXI_HP0_FPD"):
        port_width(board.family, "S_AXI_HP0")
    entry = port_width(board.family, "S_AXI_HP0_FPD")
    assert entry.bits(3) is None
    with pytest.raises(SpecError, match="32, 64, 128"):
        entry.encoded(256)
