"""gatewright: FPGA co-design toolkit for recommenders that join a graph neural network with a language model."""

from typing import Any

from gatewright.driver import Accelerator
from gatewright.program import load_program, save_program

__all__ = ["Accelerator", "load_program", "save_program"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``gatewright.compile``: :func:`gatewright.compiler.compile.compile_model`, imported when it is asked for."""
    if name == "compile":
        from gatewright.compiler.compile import compile_model

        return compile_model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
