"""The memory port that engines speak, one level below AXI: bursts that are already legal, data in request order.

A requester emits bursts of at most 16 beats that do not cross a 4 KiB boundary and takes their data in the same order;
bus errors are noted by the arbiter, not by the requester, so that every burst always completes.
"""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from gatewright.spec.memory import BUS_BYTES, MAX_BURST_BEATS

__all__ = [
    "ADDRESS_BITS",
    "BEATS_BITS",
    "LEN_BITS",
    "WORD_LSB",
    "Burst",
    "Descriptor",
    "ReadPort",
    "WriteBeat",
    "WritePort",
]

ADDRESS_BITS = 32
BEATS_BITS = 20
"""Width of a descriptor's length: up to 8 MiB in one transfer."""
WORD_LSB = exact_log2(BUS_BYTES)
"""The lowest bit of a word's number in a byte address."""
LEN_BITS = exact_log2(MAX_BURST_BEATS)
"""Width of a burst's AXI length."""


class Burst(data.Struct):
    """One AXI burst: byte address (a multiple of 8) and AXI length (beats minus one)."""

    addr: ADDRESS_BITS
    len: LEN_BITS


class Descriptor(data.Struct):
    """One linear transfer of any length: byte address (a multiple of 8) and number of beats (at least one)."""

    addr: ADDRESS_BITS
    beats: BEATS_BITS


class WriteBeat(data.Struct):
    """One 64-bit beat and its byte enables."""

    data: 8 * BUS_BYTES
    strb: BUS_BYTES


class ReadPort(wiring.Signature):
    """A requester's read side: bursts out, 64-bit beats back in the order asked for."""

    def __init__(self) -> None:
        super().__init__({"ar": Out(stream.Signature(Burst)), "r": In(stream.Signature(8 * BUS_BYTES))})


class WritePort(wiring.Signature):
    """A requester's write side: bursts and their beats out; ``b`` is high for one cycle per completed burst."""

    def __init__(self) -> None:
        super().__init__({"aw": Out(stream.Signature(Burst)), "w": Out(stream.Signature(WriteBeat)), "b": In(1)})
