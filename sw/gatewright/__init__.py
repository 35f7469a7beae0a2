"""gatewright: FPGA co-design toolkit for recommenders that join a graph neural network with a language model."""

from typing import TYPE_CHECKING

from gatewright.lazy import loaded_when_asked_for as _loaded_when_asked_for
from gatewright.version import __version__

if TYPE_CHECKING:
    from gatewright.driver import Accelerator
    from gatewright.program import load_program, save_program

__all__ = ["Accelerator", "__version__", "load_program", "save_program"]

__getattr__, __dir__ = _loaded_when_asked_for(
    __name__,
    {
        "Accelerator": "gatewright.driver:Accelerator",
        "check": "gatewright.compiler.check:check_model",
        "compile": "gatewright.compiler.compile:compile_model",
        "load_program": "gatewright.program:load_program",
        "save_program": "gatewright.program:save_program",
    },
)
