"""The page of `gatewright inspect --html`: one file with its pictures, which needs nothing from elsewhere."""

from collections.abc import Sequence
from html import escape
from math import isnan

import plotly.graph_objects as go

from gatewright.pictures.inlined import Inlined
from gatewright.pictures.styled import COLOURS
from gatewright.program.compiled import CompiledProgram, Variant
from gatewright.program.summary import VariantSummary
from gatewright.spec.registers import ENGINES
from gatewright.web_page import table, web_page

__all__ = ["errors", "page"]

_KINDS = ("commands", "constant", "input", "output", "workspace")


def page(program: CompiledProgram, variants: Sequence[tuple[Variant, VariantSummary]]) -> str:
    """The page's text: the interface, and for each variant its timeline, memory map and errors."""
    first = program.variants[0]
    rows = [(what, value) for what, values in (("input", first.inputs), ("output", first.outputs)) for value in values]
    facts = [
        ("config", f"{program.config} ({program.config_hash:016x})"),
        ("device memory", f"{program.nbytes:,} bytes, of them {program.image.nbytes:,} of commands and constants"),
        *((what, f"{value.name}: {value.dtype} [{', '.join(map(str, value.shape))}]") for what, value in rows),
    ]
    parts = [table(facts)]
    inlined = Inlined()
    for variant, summary in variants:
        parts.append(f"<h2>{escape(summary.title)}</h2>")
        if summary.host:
            parts.append(table([(f"host: {entry.node}", entry.reason) for entry in summary.host]))
        figures = [timeline(summary), memory_map(variant)]
        if any(not isnan(layer.error) for layer in summary.layers):
            figures.append(errors(summary))
        parts += inlined.html(figures)
    return web_page(program.name, "\n".join(parts))


def timeline(summary: VariantSummary) -> go.Figure:
    """Least cycles of the layers, one after the other, by engine."""
    figure = go.Figure()
    for engine, colour in zip(ENGINES, COLOURS, strict=False):
        starts, widths, texts = [], [], []
        now = 0
        for layer in summary.layers:
            for command in layer.commands:
                if command.engine == engine:
                    starts.append(now)
                    widths.append(command.min_cycles)
                    texts.append(
                        f"{escape(layer.node)} ({escape(layer.operator)})<br>command {command.index}: {command.opcode} "
                        f"{command.shape}<br>compute bound {command.min_cycles_compute:,} cycles, "
                        f"memory bound {command.min_cycles_memory:,}"
                    )
                now += command.min_cycles
        figure.add_bar(
            orientation="h",
            base=starts,
            x=widths,
            y=[engine] * len(widths),
            name=engine,
            marker_color=colour,
            hovertext=texts,
            hoverinfo="text",
        )
    figure.update_layout(
        title=f"Least cycles of each command, {summary.min_cycles:,} in all",
        xaxis_title="cycles, if every command met its bound",
        barmode="overlay",
        height=350,
    )
    return figure


def memory_map(variant: Variant) -> go.Figure:
    """Which bytes hold what, from the first command that touches them to the last."""
    figure = go.Figure()
    for kind, colour in zip(_KINDS, COLOURS, strict=False):
        mine = [region for region in variant.regions if region.kind == kind]
        figure.add_bar(
            x=[(region.first + region.last + 1) / 2 for region in mine],
            width=[region.last + 1 - region.first for region in mine],
            base=[region.offset for region in mine],
            y=[region.nbytes for region in mine],
            name=kind,
            marker={"color": colour, "line": {"width": 1, "color": "white"}},
            hovertext=[
                f"{escape(region.name)} ({kind})<br>{region.nbytes:,} bytes at {region.offset:,}<br>"
                f"commands {region.first}..{region.last}"
                for region in mine
            ],
            hoverinfo="text",
        )
    figure.update_layout(
        title="Device memory", xaxis_title="command", yaxis_title="byte offset", barmode="overlay", height=600
    )
    return figure


def errors(summary: VariantSummary) -> go.Figure:
    """Quantisation error of the layers."""
    layers = [layer for layer in summary.layers if not isnan(layer.error)]
    figure = go.Figure(
        go.Bar(
            x=list(range(len(layers))),
            y=[layer.error for layer in layers],
            marker_color=COLOURS[0],
            hovertext=[f"{escape(layer.node)} ({escape(layer.operator)})<br>{layer.error:.3%}" for layer in layers],
            hoverinfo="text",
        )
    )
    figure.update_layout(
        title="Error against float over the calibration inputs",
        xaxis={"title": "layer", "tickvals": list(range(len(layers))), "ticktext": [layer.node for layer in layers]},
        yaxis={"title": "relative root mean square", "tickformat": ".2%"},
        height=450,
    )
    return figure
