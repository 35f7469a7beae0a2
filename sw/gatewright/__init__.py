"""gatewright: FPGA co-design toolkit for recommenders that join a graph neural network with a language model."""

from typing import Any

from gatewright.driver import Accelerator
from gatewright.program import load_program, save_program
from gatewright.version import __version__

__all__ = ["Accelerator", "__version__", "load_program", "save_program"]


def __getattr__(name: str) -> Any:
    """``gatewright.compile``: :func:`gatewright.compiler.compile.compile_model`, imported when it is asked for."""
    if name == "compile":
        from gatewright.compiler.compile import compile_model

        return compile_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
