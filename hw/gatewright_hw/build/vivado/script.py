"""What Vivado is given: sources, constraints, and the settings of its script."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

from gatewright.spec.clocks import Family
from gatewright_hw.boards import board_verilog, top_name
from gatewright_hw.boards.zynqmp import IP_MODULE, IP_VLNV, ip_configuration
from gatewright_hw.build.flow import Request

__all__ = ["BIT", "CONSTRAINTS", "SCRIPT", "SETTINGS", "SOURCE", "inputs_of", "period_ns", "write_inputs"]

SCRIPT = "build.tcl"
SETTINGS = "settings.tcl"
SOURCE = "gatewright.v"
CONSTRAINTS = "gatewright.xdc"
BIT = "gatewright.bit"

_CLOCK_PIN = {Family.ZYNQ7: "ps7/FCLKCLK[0]", Family.ZYNQMP: "*/PS8_i/PLCLK[0]"}
"""Where fabric clock 0 leaves the processing system; of the vendor's block, at any depth."""


_JITTER = 0.03
"""Of the period: what the vendor's block for the processing system of a Zynq-7000 constrains its clocks with."""


def period_ns(mhz: float) -> float:
    """The clock's period as Vivado takes it, in whole picoseconds, never longer than it is."""
    return math.floor(1e6 / mhz * (1 + 1e-12)) / 1e3


def write_inputs(request: Request, work: Path) -> None:
    """Write the script and all that it reads into ``work``."""
    board = request.board
    text = Path(__file__).with_name(SCRIPT).read_text()
    (work / SCRIPT).write_text(text)
    (work / SOURCE).write_text(board_verilog(board, request.config, pads=board.family is Family.ZYNQ7))
    if board.family is Family.ZYNQ7:
        pin, period = _CLOCK_PIN[board.family], period_ns(request.clock.mhz)
        (work / CONSTRAINTS).write_text(
            f"create_clock -name fabric -period {period:.3f} [get_pins {{{pin}}}]\n"
            f"set_input_jitter fabric {_JITTER * period:.3f}\n"
        )
    settings = _settings(request)
    inputs = hashlib.sha256(settings.encode() + (work / SOURCE).read_bytes()).hexdigest()
    (work / SETTINGS).write_text(f"{settings}set inputs {{{inputs}}}\n")


def inputs_of(work: Path) -> str:
    """The hash of what the script in ``work`` reads, which its results name; empty where there is none."""
    found = re.search(r"^set inputs \{(\w+)\}$", (work / SETTINGS).read_text(), re.MULTILINE)
    return found[1] if found else ""


def _settings(request: Request) -> str:
    board = request.board
    values = {
        "part": board.part,
        "top": top_name(board),
        "source": SOURCE,
        "constraints": CONSTRAINTS if board.family is Family.ZYNQ7 else "",
        "clock_pin": _CLOCK_PIN[board.family],
        "period": f"{period_ns(request.clock.mhz):.3f}",
        "ip": "",
        "ip_module": "",
        "ip_configuration": "",
    }
    if board.family is Family.ZYNQMP:
        values |= {"ip": IP_VLNV, "ip_module": IP_MODULE, "ip_configuration": _ip_configuration(request)}
    title = f"# {request.config.name} for {board.name} at {request.clock.mhz:g} MHz\n"
    return title + "".join(f"set {name} {{{value}}}\n" for name, value in values.items())


def _ip_configuration(request: Request) -> str:
    ports = ip_configuration(request.board, request.config.read_ports)
    values = {**ports, "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ": f"{request.clock.mhz:g}"}
    return " ".join(f"CONFIG.{name} {value}" for name, value in values.items())
