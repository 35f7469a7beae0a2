"""Somebody else's design in the fabric, such as the base overlay that PYNQ's images boot with."""

from __future__ import annotations

from gatewright_sim.virtual_board.log import EventLog, Level

__all__ = ["Stranger"]


class Stranger:
    """Answers every access, with what is none of our business; whoever takes it for ours is noted."""

    busy = False
    cycles = 0

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def read(self, address: int) -> int:
        self._log.add(Level.WARNING, f"read of {address:#x} in a design of somebody else's")
        return 0

    def write(self, address: int, value: int) -> None:
        self._log.add(Level.WARNING, f"write of {value:#x} to {address:#x} in a design of somebody else's")

    def reset(self, held: bool) -> None:
        pass

    def lose_odd_words(self, lose: bool) -> None:
        pass

    def close(self) -> None:
        pass
