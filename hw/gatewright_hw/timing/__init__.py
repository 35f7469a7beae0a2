"""The slowest paths of the logic that Yosys makes for a Zynq-7000, without the wires between."""

from gatewright_hw.timing.analysis import Path, analyse
from gatewright_hw.timing.library import Library, TimingError, load_library

__all__ = ["Library", "Path", "TimingError", "analyse", "load_library"]
