"""The fabric's clock: read from the registers that make it, and set so that it is never faster than allowed.

PYNQ's own ``Clocks`` belongs to the first device that a process opens, takes every Zynq-7000 for one with a crystal of
50 MHz, and takes the nearest frequency, also a faster one (pynq 4.0.0, ps.py); so this reads and writes the registers
itself. See :mod:`gatewright.spec.clocks` for their source.
"""

from __future__ import annotations

from dataclasses import dataclass

from gatewright.driver.board.pynq_versions import Window
from gatewright.driver.errors import BoardError
from gatewright.spec.boards import Board
from gatewright.spec.clocks import Pll, fastest_at_most
from gatewright.spec.registers import BitField

__all__ = ["FabricClock", "read_clock", "set_clock"]

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class FabricClock:
    """Fabric clock 0 as its registers have it.

    Attributes
    ----------
    mhz : its frequency; 0 where it stands still.
    pll, pll_mhz : what feeds it; an empty name where that is no PLL that the board file knows.
    divisor0, divisor1 : the dividers behind.
    """

    mhz: float
    pll: str
    pll_mhz: float
    divisor0: int
    divisor1: int


def read_clock(window: Window, board: Board) -> FabricClock:
    """The clock from the registers of the PLL and of its dividers."""
    block = board.family.clocks
    control = window.read(block.control[0])
    source = _get(control, block.source)
    name = next((pll.name for pll in board.plls if block.source_code[pll.name] == source), "")
    if not name and source == 1 and block.source_code["IO"] == 0:  # Zynq-7000: x0 and 0x are both the IO PLL
        name = "IO"
    first, second = _get(control, block.divisor0), _get(control, block.divisor1)
    if not name:
        return FabricClock(0.0, "", 0.0, first, second)
    state = window.read(block.pll_control[name])
    halved = block.halved is not None and bool(_get(state, block.halved))
    pll_mhz = Pll(name, _get(state, block.multiplier), halved).mhz(board.crystal_mhz)
    running = first * second and (block.running is None or _get(control, block.running))
    return FabricClock(pll_mhz / (first * second) if running else 0.0, name, pll_mhz, first, second)


def set_clock(window: Window, board: Board, most_mhz: float) -> FabricClock:
    """Set the fastest clock that is not above ``most_mhz``, from the board's first PLL, and read it back.

    On the way there the clock is never faster than before or afterwards: dividers that grow come first. Raises
    :class:`BoardError` where the registers do not keep what is written, or the clock would be too fast.
    """
    block, pll = board.family.clocks, board.plls[0]
    state = window.read(block.pll_control[pll.name])
    halved = block.halved is not None and bool(_get(state, block.halved))
    fed = Pll(pll.name, _get(state, block.multiplier), halved).mhz(board.crystal_mhz)
    if not fed:
        raise BoardError(f"board {board.name!r}: PLL {pll.name} has multiplier 0, no fabric clock can be made")
    wanted = fastest_at_most(fed, most_mhz)
    old = window.read(block.control[0])
    slow = old
    for field, value in ((block.divisor0, wanted.divisor0), (block.divisor1, wanted.divisor1)):
        slow = _put(slow, field, max(value, _get(old, field)))
    fed_slowly = _put(slow, block.source, block.source_code[pll.name])
    new = _put(_put(fed_slowly, block.divisor0, wanted.divisor0), block.divisor1, wanted.divisor1)
    if block.running is not None:
        new = _put(new, block.running, 1)
    for value, next_value in zip((old, slow, fed_slowly), (slow, fed_slowly, new), strict=True):
        if next_value != value:
            window.write(block.control[0], next_value)
    found = read_clock(window, board)
    if abs(found.mhz - wanted.mhz) > _TOLERANCE * wanted.mhz:
        raise BoardError(
            f"board {board.name!r}: the fabric clock reads {found.mhz:.3f} MHz after it was set to {wanted.mhz:.3f}: "
            "are its registers locked?"
        )
    return found


def _get(value: int, field: BitField) -> int:
    return value >> field.lsb & ((1 << field.width) - 1)


def _put(value: int, field: BitField, part: int) -> int:
    return value & ~(((1 << field.width) - 1) << field.lsb) | part << field.lsb
