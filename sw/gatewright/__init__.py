"""gatewright: FPGA co-design toolkit for recommenders that join a graph neural network with a language model."""

from gatewright.driver import Accelerator

__all__ = ["Accelerator"]

__version__ = "0.1.0"
