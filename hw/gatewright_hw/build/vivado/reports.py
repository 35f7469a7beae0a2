"""What Vivado's script leaves behind, read back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import TimedPath

__all__ = ["RESULTS", "TIMING", "UTILISATION", "Results", "read_modules", "read_results", "read_slacks"]

RESULTS, TIMING, UTILISATION = "results.txt", "timing.rpt", "utilisation.rpt"

_COLUMNS = {"Total LUTs": ("lut", 1.0), "FFs": ("ff", 1.0), "RAMB36": ("bram36", 1.0), "RAMB18": ("bram36", 0.5)}
"""What the columns of the hierarchical utilisation count, and in what; the multipliers' name differs by release."""


@dataclass(frozen=True)
class Results:
    """``results.txt``.

    Attributes
    ----------
    inputs : hash of what the script read.
    vivado : its version.
    setup_ns, hold_ns : the least slacks.
    unconstrained : end points of paths that no clock times.
    paths : the worst ones, longest first.
    done : whether the bitstream was written, the script's last act.
    """

    inputs: str
    vivado: str
    setup_ns: float
    hold_ns: float
    unconstrained: int
    paths: tuple[TimedPath, ...]
    done: bool


def read_results(path: Path) -> Results:
    """Raises :class:`BuildError` where the script has not come as far as timing."""
    lines = [line.split("\t") for line in _text(path).splitlines()]
    values = {fields[0]: fields[1] for fields in lines if len(fields) == 2}
    paths = [_path(fields) for fields in lines if fields[0] == "path" and len(fields) == 5]
    try:
        return Results(
            inputs=values["inputs"],
            vivado=values["vivado"],
            setup_ns=_number(values["setup"]),
            hold_ns=_number(values["hold"]),
            unconstrained=int(values["unconstrained_internal_endpoints"]),
            paths=tuple(sorted(paths, key=lambda path: -path.ns)),
            done=["done"] in lines,
        )
    except (KeyError, ValueError) as error:
        raise BuildError(f"{path} lacks {error}: Vivado's script has not come to its end") from None


def _path(fields: list[str]) -> TimedPath:
    _, delay, _, start, end = fields
    module = ".".join(end.replace("/", ".").split(".")[:-2])  # the last two: a register, its pin
    return TimedPath(start, end, _number(delay), module)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"a number (it says {text})")
    return value


def read_slacks(path: Path) -> dict[str, float]:
    """WNS, WHS and WPWS in ns, of report_timing_summary's table. Raises :class:`BuildError` where one is missing."""
    table = re.search(r"^ *WNS\(ns\).*WPWS\(ns\).*\n[ -]+\n(.+)$", _text(path), re.MULTILINE)
    values = table[1].split() if table else []
    try:
        return {name: _number(values[at]) for name, at in (("WNS", 0), ("WHS", 4), ("WPWS", 8))}
    except (IndexError, ValueError):
        raise BuildError(f"{path}: no table with WNS, WHS and WPWS: the design was not timed") from None


def read_modules(path: Path) -> dict[str, dict[str, float]]:
    """Resources of every module, by its path of instances below the top; the top itself is ``""``.

    Raises :class:`BuildError` where the file has no such table.
    """
    columns: dict[int, tuple[str, float]] = {}
    above: list[str] = []
    found: dict[str, dict[str, float]] = {}
    for cells in _rows(path):
        if cells[0].strip() == "Instance":
            names = [cell.strip() for cell in cells]
            columns = {at: _COLUMNS[name] for at, name in enumerate(names) if name in _COLUMNS}
            columns |= {at: ("dsp", 1.0) for at, name in enumerate(names) if name.startswith("DSP")}
        elif columns and not cells[0].strip().startswith("("):  # which is a module's own part, without those below it
            depth = (len(cells[0]) - len(cells[0].lstrip()) - 1) // 2
            above = [*above[:depth], cells[0].strip()]
            amounts = dict.fromkeys(("lut", "ff", "bram36", "dsp"), 0.0)
            for at, (resource, each) in columns.items():
                amounts[resource] += each * float(cells[at])
            found[".".join(above[1:])] = amounts
    if not found:
        raise BuildError(f"{path}: no table of utilisation by hierarchy")
    return found


def _rows(path: Path) -> Iterator[list[str]]:
    for line in _text(path).splitlines():
        if line.startswith("|") and line.count("|") > 6:
            yield line[1:].rstrip().rstrip("|").split("|")


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise BuildError(f"{path}: {error.strerror}: Vivado's script has not come to its end") from None
