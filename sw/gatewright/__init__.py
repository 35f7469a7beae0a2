"""gatewright: FPGA co-design toolkit for recommenders that join a graph neural network with a language model."""

__version__ = "0.1.0"
