"""The bitstream read back, by our own reader of packets and bits, and compared with the netlist."""

from __future__ import annotations

from gatewright_hw.build.openxc7.clocks import check_clock_buffers
from gatewright_hw.build.openxc7.database import Database
from gatewright_hw.build.openxc7.decoded import Decoded
from gatewright_hw.build.openxc7.dsp import check_dsps
from gatewright_hw.build.openxc7.frames import read_frames
from gatewright_hw.build.openxc7.netlist import Netlist
from gatewright_hw.build.openxc7.ps7 import check_ps7

__all__ = ["read_back"]


def read_back(database: Database, words: bytes, netlist: Netlist, placed: Netlist) -> tuple[str, ...]:
    """What was compared, in a sentence each. Raises :class:`BuildError` that names the first cell or pin that differs.

    ``netlist`` is what synthesis made, ``placed`` what place and route made of it.
    """
    decoded = Decoded(database, read_frames(words, database.part))
    dsps = check_dsps(decoded, netlist, placed)
    pins = check_ps7(decoded, netlist, placed)
    buffers = check_clock_buffers(decoded)
    return (
        f"read back: registers and inputs of {dsps} DSP48E1 are as in the netlist",
        f"read back: {pins} inputs of PS7 get what the netlist gives them",
        f"read back: the {buffers} clock buffers of rows that are used are enabled",
    )
