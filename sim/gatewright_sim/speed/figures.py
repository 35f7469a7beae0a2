"""The pictures of a run: how near each workload comes to its bound, and how cycles grow with size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import plotly.graph_objects as go

from gatewright.pictures.styled import COLOURS, bars_height, styled
from gatewright_sim.speed.measurement import Measured, Measurement

__all__ = ["figures"]

_SIZES = {"sequence length": "tokens", "graph size": "edges"}
"""What the size of a part's workloads is."""


def figures(found: Measured) -> Iterator[go.Figure]:
    """All that there is something to show in."""
    rows = [each for each in found.measurements if each.size is None]
    if rows:
        yield _shares(rows)
    for part, size in _SIZES.items():
        own = [each for each in found.measurements if each.part == part]
        if own:
            yield _growth(own, size)


def _shares(rows: Sequence[Measurement]) -> go.Figure:
    conditions = list(dict.fromkeys(each.conditions for each in rows))
    names = list(dict.fromkeys(each.name for each in rows))
    figure = styled(
        "Bound as a share of the cycles", {"tickformat": ".0%", "rangemode": "tozero"}, {"autorange": "reversed"},
        bars_height(len(names) * len(conditions)), barmode="group", legend={"orientation": "h"},
    )  # fmt: skip
    for each, colour in zip(conditions, COLOURS, strict=False):
        own = [row for row in rows if row.conditions == each]
        figure.add_bar(
            orientation="h", x=[row.of_bound for row in own], y=[row.name for row in own], name=each.title,
            marker_color=colour, hoverinfo="text",
            hovertext=[f"{row.name}<br>{row.counted.cycles:,} cycles, {row.ms:.2f} ms" for row in own],
        )  # fmt: skip
    return figure


def _growth(own: Sequence[Measurement], size: str) -> go.Figure:
    first = own[0]
    figure = styled(
        f"{first.part.capitalize()}: cycles, {first.conditions.title}",
        {"title": size, "type": "log", "tickvals": [each.size for each in own], "tickformat": ",d"},
        {"title": "cycles", "type": "log", "dtick": "D2"}, 480,
    )  # fmt: skip
    lines = (
        ("RTL", [each.counted.cycles for each in own], "solid"),
        ("compute bound", [each.counted.min_cycles_compute for each in own], "dash"),
        ("memory bound", [each.counted.min_cycles_memory for each in own], "dot"),
    )
    for (name, values, dash), colour in zip(lines, COLOURS, strict=False):
        figure.add_scatter(
            x=[each.size for each in own], y=values, name=name, mode="lines+markers",
            line={"color": colour, "dash": dash}, hoverinfo="text",
            hovertext=[f"{each.what}<br>{name}: {value:,}" for each, value in zip(own, values, strict=True)],
        )  # fmt: skip
    return figure
