"""What can happen to whoever touches a virtual board."""

from __future__ import annotations

from gatewright.spec.errors import GatewrightError

__all__ = ["BoardFrozen", "BusError", "Refused", "Unanswered"]


class BoardFrozen(GatewrightError):
    """The processor waits for an answer that never comes: a Zynq knows no timeout there. Only a power cycle helps."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the board is frozen, only a power cycle helps: {why}")


class BusError(GatewrightError):
    """An access that was answered with an error; Linux ends the process that made it (SIGBUS)."""


class Unanswered(Exception):
    """An access that nothing answers; the message says why. The board freezes over it."""


class Refused(Exception):
    """A bitstream that the configuration logic does not take; the message says why."""
