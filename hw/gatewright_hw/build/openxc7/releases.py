"""Which releases of nextpnr-xilinx may build: those without the known bugs that only silicon shows.

With each of these place and route ends well, and the chip does something else. Most were found by comparing bits with
Vivado's, or on boards, as the thread says that each of them names (of github.com/openXC7/nextpnr-xilinx).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from gatewright_hw.build.errors import BuildError

__all__ = ["BUGS", "RELEASE_SETTING", "Release", "SiliconBug", "release", "version_of"]

RELEASE_SETTING = "GATEWRIGHT_OPENXC7_RELEASE"


@dataclass(frozen=True)
class SiliconBug:
    """What a chip does, the thread about it, and the day from which sources are without it."""

    effect: str
    thread: str
    fixed: date


BUGS = (
    SiliconBug("RAM32M and RAM64M power up with other contents", "issue 28", date(2024, 6, 24)),
    SiliconBug("RAM256X1S powers up with other contents", "pull request 49", date(2024, 10, 13)),
    SiliconBug("constant CARRYCASCIN and MULTSIGNIN of a DSP48E1 are routed", "pull request 90", date(2026, 5, 19)),
    SiliconBug("FDSE and FDPE without INIT power up 0", "issue 178", date(2026, 9, 7)),
    SiliconBug("SRL16E and SRLC32E power up cleared", "issue 181", date(2026, 9, 8)),
    SiliconBug("a BUFHCE that passes a clock on is never enabled", "issue 177", date(2026, 9, 22)),
)
"""Of the constants of a DSP48E1 (pull request 159, open in September 2026) :mod:`.dsp` judges in each bitstream."""

_RELEASED = {(0, 8, 2): date(2024, 2, 1), (0, 9, 3): date(2026, 8, 20)}
"""Days of releases that are known."""


def version_of(output: str) -> str:
    """The version in what ``nextpnr-xilinx --version`` says; empty where there is none."""
    found = re.search(r"\(Version\s*([^)\s]*)\s*\)", output)
    return found[1] if found else ""


@dataclass(frozen=True)
class Release:
    """A release as the manifest names it, and why it may not build without more; empty where it may."""

    name: str
    objection: str = ""


def release(version: str, stated: str = "") -> Release:
    """What is known of a version. Raises :class:`BuildError` where ``stated`` is no day.

    A version is a day (``2026-09-30``), a number (``0.9.3``) up to the last one whose day is known, or neither; for a
    build between releases, or without version, ``stated`` is its day. Where both are known the earlier counts.
    """
    day, said = _day(version) or _day_of_number(version), _day(stated)
    if stated and said is None:
        raise BuildError(f"{RELEASE_SETTING} is {stated!r}, allowed: the day of the sources as YYYY-MM-DD")
    day = min((found for found in (day, said) if found), default=None)
    if day is None:
        return Release(
            f"{version} of an unknown day".strip(),
            f"nextpnr-xilinx says version {version!r}, which is no release whose bugs are known; "
            f"{RELEASE_SETTING}=YYYY-MM-DD tells the day of its sources, {_first():%Y-%m-%d} or later",
        )
    name = f"{version} of {day:%Y-%m-%d}".strip()
    bugs = [bug for bug in BUGS if bug.fixed > day]
    if not bugs:
        return Release(name)
    named = "; ".join(f"{bug.effect} ({bug.thread})" for bug in bugs)
    return Release(
        name,
        f"nextpnr-xilinx {version or stated} is of {day:%Y-%m-%d} or earlier, "
        f"allowed: {_first():%Y-%m-%d} or later; until then, on silicon: {named}",
    )


def _first() -> date:
    return max(bug.fixed for bug in BUGS)


def _day(text: str) -> date | None:
    found = re.search(r"(?<!\d)(20\d\d)-?(\d\d)-?(\d\d)(?!\d)", text)
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _day_of_number(version: str) -> date | None:
    """The day of a numbered release; of a number below one that is known, that one's."""
    found = re.fullmatch(r"v?(\d+)\.(\d+)(?:\.(\d+))?(-\d+-g[0-9a-f]+)?", version)
    if found is None:
        return None
    number = (int(found[1]), int(found[2]), int(found[3] or 0))
    later = [released for released in sorted(_RELEASED) if number < released or (number == released and not found[4])]
    return _RELEASED[later[0]] if later else None
