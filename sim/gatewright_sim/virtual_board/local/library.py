"""The library that a process on the board is started with: compiled from ``shim/`` where the cache does not hold it."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from gatewright.cache import cached_directory, digest
from gatewright.driver.errors import BackendUnavailable
from gatewright_sim.cxx import compile_library, find_cxx
from gatewright_sim.virtual_board.local.protocol import Op

__all__ = ["library"]

NAME = "libgatewright_board.so"

_SOURCES = Path(__file__).parent / "shim"


def library() -> Path:
    """The shared library. Raises :class:`BackendUnavailable` on other systems, and without a compiler."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        raise BackendUnavailable(
            f"a local virtual board on {sys.platform} {platform.machine()}, allowed: Linux on x86-64, whose trap flag "
            "it needs; `gatewright board serve` runs anywhere"
        )
    compiler = find_cxx()
    sources = sorted(_SOURCES.glob("*.cpp"))
    numbers = [f"-DGATEWRIGHT_OP_{op.name}={op.value}" for op in Op]

    def make(folder: Path) -> None:
        compile_library(sources, folder / NAME, (*numbers, "-ldl", "-pthread"))

    texts = [path.read_bytes() for path in (*sources, *sorted(_SOURCES.glob("*.hpp")))]
    return cached_directory("local-board", digest(*texts, *numbers, *compiler), make) / NAME
