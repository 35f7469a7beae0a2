"""The system that this runs on, when it is a board: what PYNQ and XRT need before they touch it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.board.causes import PROFILES
from gatewright.driver.board.interrupt import find_uio
from gatewright.driver.board.pynq_versions import FIRMWARE, import_pynq
from gatewright.driver.errors import BackendUnavailable

__all__ = ["interrupt", "is_board", "pynq", "python", "root", "writable", "xclbinutil", "xrt"]

_MANAGER = Path("/sys/class/fpga_manager/fpga0")

_PYTHONS = ((3, 10), (3, 13))


def is_board() -> bool:
    """Whether this system has a fabric to program; a PC has none."""
    return _MANAGER.exists()


def python() -> Finding:
    """Python and numpy; on a board the image's."""
    low, high = (".".join(map(str, version)) for version in _PYTHONS)
    found = f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}"
    if _PYTHONS[0] <= sys.version_info[:2] <= _PYTHONS[1]:
        return Finding("python", Verdict.GOOD, found)
    return Finding("python", Verdict.BAD, found, f"use Python {low} to {high}")


def pynq() -> Finding:
    """On a board the image's own, as another one does not fit its XRT and kernel; on a PC it speaks to PYNQ.remote."""
    try:
        version = import_pynq().__version__
    except BackendUnavailable as error:
        if not is_board():
            return Finding("pynq", Verdict.ODD, str(error), "needed for --host pynq://HOST alone, not for an agent's")
        return Finding("pynq", Verdict.BAD, str(error), f"use the image's own Python; {PROFILES}")
    whose = "the image's: never upgrade it" if is_board() else "for --host pynq://HOST"
    return Finding("pynq", Verdict.GOOD, f"pynq {version}, {whose}")


def root() -> Finding:
    """/dev/mem opens for root alone."""
    if os.geteuid() == 0:
        return Finding("root", Verdict.GOOD, "runs as root")
    return Finding("root", Verdict.BAD, f"runs as user {os.geteuid()}", f"sudo -i, then {PROFILES}")


def xrt() -> Finding:
    """Up to pynq 3.0 by ctypes below $XILINX_XRT, later by the module pyxrt."""
    version = str(getattr(sys.modules.get("pynq"), "__version__", ""))
    if version.startswith("3.0"):
        folder = os.environ.get("XILINX_XRT", "")
        if folder and Path(folder).is_dir():
            return Finding("xrt", Verdict.GOOD, f"XILINX_XRT is {folder}")
        return Finding("xrt", Verdict.BAD, f"XILINX_XRT is {folder or 'not set'}", PROFILES)
    if "pyxrt" in sys.modules or find_spec("pyxrt") is not None:
        return Finding("xrt", Verdict.GOOD, "pyxrt is there")
    return Finding("xrt", Verdict.BAD, "pyxrt cannot be found: this image's XRT is not for this pynq", PROFILES)


def xclbinutil() -> Finding:
    """pynq runs it at every download."""
    found = shutil.which("xclbinutil")
    if found:
        return Finding("xclbinutil", Verdict.GOOD, found)
    return Finding("xclbinutil", Verdict.BAD, "not on PATH", PROFILES)


def writable() -> Finding:
    """Where pynq writes: firmware, its notes beside its own code, and from 3.1 on this folder."""
    state = Path(getattr(sys.modules.get("pynq.pl_server.global_state"), "STATE_DIR", FIRMWARE))
    refused = [str(path) for path in (Path(FIRMWARE), state, Path.cwd()) if not os.access(path, os.W_OK | os.X_OK)]
    if not refused:
        return Finding("folders", Verdict.GOOD, f"{FIRMWARE}, pynq's own and this one can be written")
    return Finding(
        "folders", Verdict.BAD, f"cannot be written: {', '.join(refused)}", "be root, in a folder of your own"
    )


def interrupt() -> Finding:
    """The UIO node of the fabric's first interrupt."""
    found = find_uio()
    if found is None:
        remedy = "results are the same, each call up to 2 ms later; the images of PYNQ have the node"
        return Finding("interrupt", Verdict.ODD, "no UIO device named fabric: STATUS is polled", remedy)
    if not os.access(found, os.R_OK | os.W_OK):
        return Finding("interrupt", Verdict.ODD, f"{found} cannot be opened: STATUS is polled", "be root")
    return Finding("interrupt", Verdict.GOOD, f"{found} is the fabric's")
