"""Horizontal bars as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["Bar", "bars"]

_WIDTH, _NAMES, _HEIGHT, _ROW = 900, 260, 16, 24


@dataclass(frozen=True)
class Bar:
    """One bar: what it is, how long, and what stands on it. What does not fit is shown under the pointer."""

    name: str
    value: float
    text: str


def bars(rows: Sequence[Bar], full: float) -> str:
    """A picture of ``rows``, one under the other; ``full`` is a bar over the whole width, and what is longer is cut."""
    room = _WIDTH - _NAMES
    lines = [f'<svg viewBox="0 0 {_WIDTH} {_ROW * len(rows)}" width="100%" role="img">']
    for index, bar in enumerate(rows):
        y = _ROW * index + 4
        length = room * min(max(bar.value / full, 0.0), 1.0) if full > 0 else 0.0
        tip = f"<title>{escape(f'{bar.name}: {bar.text}')}</title>"
        lines += [
            f"<g>{tip}",
            f'<text x="{_NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(bar.name[-36:])}</text>',
            f'<rect x="{_NAMES}" y="{y}" width="{room}" height="{_HEIGHT}" fill="#eee"/>',
            f'<rect x="{_NAMES}" y="{y}" width="{length:.1f}" height="{_HEIGHT}" fill="#8cb4d8"/>',
            f'<text x="{_NAMES + 6}" y="{y + 13}">{escape(bar.text[:90])}</text></g>',
        ]
    return "\n".join([*lines, "</svg>"])
