"""What nextpnr's timing says: the clock that its worst path allows, and the modules of the design on that path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import TimedPath

__all__ = ["Timing", "read_timing"]

_FREQUENCY = re.compile(r"Max frequency for clock\s*'([^']+)':\s*([\d.]+) MHz")
_REPORT = re.compile(r"Critical path report for clock '([^']+)'")
_HOP = re.compile(r"(?:^|\s)(Source|Net|Sink|Setup)\s+(\S+)")


_SHARES = re.compile(r"([\d.]+) ns logic, ([\d.]+) ns routing")


@dataclass(frozen=True)
class Timing:
    """The clock that all timed paths allow, the worst of them, and how many times as long as its logic that is.

    ``stretch`` is None where the report does not say it.
    """

    mhz: float
    clock: str
    worst: TimedPath
    stretch: float | None


def read_timing(log: str) -> Timing:
    """The last report in nextpnr's log, which is the one after routing.

    Raises :class:`BuildError` where nothing was timed, or more than one clock was: the design has one.
    """
    last = {found[1]: float(found[2]) for found in _FREQUENCY.finditer(log)}
    if len(last) != 1:
        clocks = ", ".join(sorted(last)) or "none"
        raise BuildError(f"place and route: nextpnr-xilinx timed the clocks {clocks}, allowed: one")
    ((clock, mhz),) = last.items()
    if mhz <= 0:
        raise BuildError(f"place and route: nextpnr-xilinx gives {mhz:g} MHz for clock {clock}")
    hops = list(_hops(log, clock))
    places = [place for _, name in hops if (place := _module(name))]
    ends = [name for kind, name in hops if kind != "Net"]
    start, end = (ends[0], ends[-1]) if ends else (clock, clock)
    nets = [name for kind, name in hops if kind == "Net" and not _is_generated(name)]
    start = nets[0] if _is_generated(start) and nets else start
    end = nets[-1] if _is_generated(end) and nets else end
    worst = TimedPath(start, end, 1e3 / mhz, " > ".join(dict.fromkeys(places)))
    return Timing(mhz, clock, worst, _stretch(log, clock))


def _stretch(log: str, clock: str) -> float | None:
    """The last path about ``clock``: its delay over that of its logic."""
    reports = [found.end() for found in _REPORT.finditer(log) if found[1] == clock]
    found = _SHARES.search(log, reports[-1]) if reports else None
    if found is None or float(found[1]) <= 0:
        return None
    return 1 + float(found[2]) / float(found[1])


def _hops(log: str, clock: str) -> Iterator[tuple[str, str]]:
    """Cells and nets of the last report about ``clock``, in order."""
    reports = [found.end() for found in _REPORT.finditer(log) if found[1] == clock]
    if not reports:
        return
    for line in log[reports[-1] :].splitlines()[1:]:
        text = line.removeprefix("Info:")
        if "Max frequency" in text or "Critical path" in text or (text.strip().endswith("routing")):
            return
        if found := _HOP.search(text):
            yield found[1], found[2]


def _is_generated(name: str) -> bool:
    """Whether Yosys made the name up."""
    return "$" in name


def _module(name: str) -> str:
    """The instances that a name of the flat design leads through; empty for names of the top, and made-up ones."""
    if _is_generated(name):
        return ""
    path = re.sub(r"\[\d+\]$", "", name).split(".")
    return ".".join(path[:-1])
