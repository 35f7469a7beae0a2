"""What cycles are counted under."""

import pytest

from gatewright.spec.errors import SpecError
from gatewright.spec.memory import MemoryModel
from gatewright_sim.speed.conditions import Conditions


def test_all_of_the_dram_is_the_board_s_memory() -> None:
    assert Conditions(125.0).memory == MemoryModel(125.0)


def test_a_share_of_the_dram_moves_so_much_less() -> None:
    whole, part = Conditions(125.0).memory, Conditions(125.0, 0.83).memory
    assert part.dram_bytes_per_cycle == pytest.approx(0.83 * whole.dram_bytes_per_cycle)
    assert part.port == whole.port


@pytest.mark.parametrize("share", [0.0, 0.09, 1.01, 83.0, float("nan")])
def test_a_wrong_share(share: float) -> None:
    with pytest.raises(SpecError, match=rf"dram_share is {share}, allowed 0\.1\.\.1"):
        Conditions(100.0, share)


@pytest.mark.parametrize("clock", [0.0, 1001.0])
def test_a_wrong_clock(clock: float) -> None:
    with pytest.raises(SpecError, match=rf"clock_mhz is {clock}, allowed 1\.\.1000"):
        Conditions(clock)


@pytest.mark.parametrize(
    ("conditions", "title"),
    [
        (Conditions(100.0), "100 MHz (assumed)"),
        (Conditions(125.0, 0.83), "125 MHz (assumed), DRAM at 83%"),
    ],
)
def test_in_words(conditions: Conditions, title: str) -> None:
    assert conditions.title == title
