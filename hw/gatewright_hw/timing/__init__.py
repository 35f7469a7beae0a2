"""The slowest paths of the logic that Yosys makes for a Zynq-7000, without the wires between."""

from gatewright_hw.timing.analysis import Path, analyse
from gatewright_hw.timing.library import Library, load_library
from gatewright_hw.timing.synthesis import TimingError, synthesised

__all__ = ["Library", "Path", "TimingError", "analyse", "load_library", "synthesised"]
