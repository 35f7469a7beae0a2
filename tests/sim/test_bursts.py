"""What a burst may be."""

import pytest

from gatewright_sim.bursts import check_burst


@pytest.mark.parametrize(("address", "beats"), [(0, 1), (8, 16), (0xF80, 16), (0xFF8, 1), (0xFFFF_FFF8, 1)])
def test_allowed(address: int, beats: int) -> None:
    check_burst(address, beats)


@pytest.mark.parametrize(
    ("address", "beats", "words"),
    [
        (4, 1, "burst at 0x4, allowed: multiples of 8"),
        (0, 17, r"burst of 17 beats, allowed: 1\.\.16"),
        (0, 0, "burst of 0 beats"),
        (0xF88, 16, r"burst 0xf88\.\.0x1007 crosses a multiple of 4096"),
        (0xFF8, 2, "crosses"),
    ],
)
def test_refused(address: int, beats: int, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_burst(address, beats)
