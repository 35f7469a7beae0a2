"""Finds the C++ compiler that turns simulators into machine code."""

from __future__ import annotations

import os
import shlex
import shutil

from gatewright.driver.errors import BackendUnavailable

__all__ = ["INSTALL_TOOLS", "find_cxx"]

INSTALL_TOOLS = "apt-get install g++ make perl"


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
