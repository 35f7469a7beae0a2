"""What pictures of measurements look like."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.colors import qualitative

__all__ = ["COLOURS", "bars_height", "styled"]

COLOURS = qualitative.Safe
LEAST_HEIGHT, ROW = 160, 26  # pixels


def styled(title: str, x: dict[str, Any], y: dict[str, Any], height: int, **layout: Any) -> go.Figure:
    """An empty picture; ``x`` and ``y`` are its axes, ``height`` is in pixels, all else as plotly takes it."""
    return go.Figure(layout={
        "template": "plotly_white", "title": {"text": title, "x": 0, "xref": "paper"}, "height": height,
        "xaxis": {"automargin": True, **x}, "yaxis": {"automargin": True, **y},
        "font": {"size": 13}, "margin": {"t": 60, "r": 30}, **layout,
    })  # fmt: skip


def bars_height(rows: int) -> int:
    """Pixels that so many horizontal bars need."""
    return LEAST_HEIGHT + ROW * rows
