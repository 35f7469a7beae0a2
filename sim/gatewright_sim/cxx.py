"""Finds the C++ compiler that turns simulators into machine code."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from gatewright.driver.errors import BackendUnavailable

__all__ = ["INSTALL_TOOLS", "compile_library", "find_cxx"]

INSTALL_TOOLS = "apt-get install g++ make perl"

_LIBRARY_FLAGS = ("-std=c++20", "-O2", "-Wall", "-Wextra", "-fPIC", "-shared")
_TIMEOUT_S = 300


def find_cxx() -> list[str]:
    """The command of the C++ compiler: ``$CXX``, which may have arguments (``ccache g++``), or what is installed.

    Raises :class:`BackendUnavailable` where there is none.
    """
    given = os.environ.get("CXX", "").strip()
    if not given:
        found = shutil.which("g++") or shutil.which("c++")
        if not found:
            raise BackendUnavailable(f"the RTL simulator needs a C++ compiler: {INSTALL_TOOLS}")
        return [found]
    try:
        program, *arguments = shlex.split(given)
    except ValueError as error:
        raise BackendUnavailable(f"CXX is {given!r}, allowed: a command as in a shell ({error})") from None
    found = shutil.which(program)
    if not found:
        raise BackendUnavailable(f"CXX is {given!r}, and there is no program {program!r}: {INSTALL_TOOLS}")
    return [found, *arguments]


def compile_library(sources: Sequence[Path], library: Path, flags: Sequence[str] = ()) -> None:
    """Compile ``sources`` to the shared ``library``, with ``flags`` besides. Raises :class:`BackendUnavailable`."""
    command = [*find_cxx(), *_LIBRARY_FLAGS, *map(str, sources), "-o", str(library), *flags]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
    except subprocess.CalledProcessError as error:
        raise BackendUnavailable(f"C++ compiler failed with exit code {error.returncode}:\n{error.stderr}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendUnavailable(f"C++ compiler cannot run ({error}): {INSTALL_TOOLS}") from None
