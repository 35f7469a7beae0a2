"""What a burst on the accelerator's memory port must keep to, so that AXI3 ports accept it too."""

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS

__all__ = ["check_burst"]

_PAGE = 4096
"""No burst of AXI crosses a multiple of this many bytes."""


def check_burst(address: int, beats: int) -> None:
    """Asserts that a burst of ``beats`` at byte ``address`` is aligned, short enough and within a page."""
    last = address + BUS_BYTES * beats - 1
    assert address % BUS_BYTES == 0, f"burst at {address:#x}, allowed: multiples of {BUS_BYTES}"
    assert 1 <= beats <= MAX_BURST_BEATS, f"burst of {beats} beats, allowed: 1..{MAX_BURST_BEATS}"
    assert address // _PAGE == last // _PAGE, f"burst {address:#x}..{last:#x} crosses a multiple of {_PAGE}"
