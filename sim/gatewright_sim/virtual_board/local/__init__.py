"""The virtual board's local door: unmodified software that believes it runs on the board."""

from gatewright_sim.virtual_board.local.door import FROZEN_S, LocalDoor

__all__ = ["FROZEN_S", "LocalDoor"]
