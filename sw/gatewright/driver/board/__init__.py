"""The accelerator in the fabric of a Zynq, through whichever PYNQ the board has."""

from gatewright.driver.board.backend import BoardBackend

__all__ = ["BoardBackend"]
