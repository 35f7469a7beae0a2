"""What a burst on the accelerator's memory port must keep to, so that AXI3 ports accept it too; where the beats of any
burst lie."""

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS

__all__ = ["PAGE_BYTES", "beat_addresses", "check_burst"]

PAGE_BYTES = 4096
"""No burst of AXI crosses a multiple of this many bytes (IHI 0022, A3.4.1)."""


def check_burst(address: int, beats: int) -> None:
    """Asserts that a burst of ``beats`` at byte ``address`` is aligned, short enough and within a page."""
    last = address + BUS_BYTES * beats - 1
    assert address % BUS_BYTES == 0, f"burst at {address:#x}, allowed: multiples of {BUS_BYTES}"
    assert 1 <= beats <= MAX_BURST_BEATS, f"burst of {beats} beats, allowed: 1..{MAX_BURST_BEATS}"
    assert address // PAGE_BYTES == last // PAGE_BYTES, (
        f"burst {address:#x}..{last:#x} crosses a multiple of {PAGE_BYTES}"
    )


def beat_addresses(address: int, length: int, size: int, kind: int) -> list[int]:
    """Byte addresses of a burst's ``length + 1`` beats of ``2**size`` bytes (IHI 0022, A3.4.1). ``kind``: 0 FIXED, 1
    INCR, 2 WRAP (length + 1 is a power of two)."""
    beat = 1 << size
    if kind == 0:
        return [address] * (length + 1)
    climbing = [address, *(address // beat * beat + beat * number for number in range(1, length + 1))]
    if kind == 1:
        return climbing
    block = beat * (length + 1)
    start = address // block * block
    return [start + (each - start) % block for each in climbing]
