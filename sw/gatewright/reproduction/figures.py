"""The pictures of a reproduction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import plotly.graph_objects as go

from gatewright.comparison.protocols import FULL
from gatewright.comparison.report import Report
from gatewright.pictures.styled import COLOURS, bars_height, styled
from gatewright.reproduction.experiment import Line
from gatewright.reproduction.fine_tuning import GOAL, FineTuning
from gatewright.reproduction.reproduction import Reproduction
from gatewright.reproduction.serving import Serving
from gatewright.spec.registers import ENGINES

__all__ = ["figures"]


def figures(found: Reproduction) -> Iterator[go.Figure]:
    """All that there is something to show in."""
    yield _quality(found.systems)
    timed = [line for line in found.lines if line.latency and line.quality]
    if timed:
        yield _accuracy_and_latency(timed, found.systems.k)
    yield _training(found.systems)
    costs = found.pictured.get(FineTuning.NAME, {}).get("costs", [])
    if any(each["seconds"] is not None for each in costs):
        yield _fine_tuning(costs)
    served = found.pictured.get(Serving.NAME, {})
    programs = served.get("programs", [])
    for program, rtl in zip_longest(programs, served.get("rtl", [])):
        yield _roofline(program, rtl)
    yield from map(_errors, programs)


def _quality(report: Report) -> go.Figure:
    cells = [each for each in report.cells if (each.protocol, each.metric) == (FULL, report.metric)]
    cells.sort(key=lambda each: each.mean)
    figure = styled(
        f"NDCG@{report.k} of the full ranking, with 95 % intervals over users",
        {"title": f"NDCG@{report.k}", "rangemode": "tozero"}, {}, bars_height(len(cells)),
    )  # fmt: skip
    figure.add_bar(
        orientation="h", x=[each.mean for each in cells], y=[each.system for each in cells], marker_color=COLOURS[0],
        error_x={
            "array": [each.interval.high - each.mean if each.interval else 0 for each in cells],
            "arrayminus": [each.mean - each.interval.low if each.interval else 0 for each in cells],
        },
    )  # fmt: skip
    return figure


def _accuracy_and_latency(lines: list[Line], k: int) -> go.Figure:
    figure = styled(
        "Accuracy against latency of one request",
        {"title": "ms: median, and the way to p95", "type": "log", "dtick": "D2"},
        {"title": f"NDCG@{k}, 95 % interval"}, 480, legend={"orientation": "h", "y": -0.25},
    )  # fmt: skip
    for line, colour in zip(lines, COLOURS, strict=False):
        quality, latency = line.quality, line.latency
        mean = quality.mean("ndcg") if quality else None
        if quality is None or mean is None or latency is None:
            continue
        interval = quality.interval("ndcg")
        figure.add_scatter(
            x=[latency.p50], y=[mean], name=line.name, mode="markers", marker={"size": 11, "color": colour},
            error_x={"array": [latency.p95 - latency.p50], "arrayminus": [0]},
            error_y={"array": [interval.high - mean], "arrayminus": [mean - interval.low]} if interval else None,
            hovertext=f"{line.name}<br>{latency.how}, {latency.requests} requests", hoverinfo="text+x+y",
        )  # fmt: skip
    return figure


def _training(report: Report) -> go.Figure:
    chosen = sorted(report.chosen, key=lambda each: each.fit_seconds)
    figure = styled(
        "Training cost of each system, once, with the options that were chosen",
        {"title": "seconds of the processor", "type": "log", "dtick": 1}, {}, bars_height(len(chosen)),
    )  # fmt: skip
    seconds = [max(each.fit_seconds, 1e-3) for each in chosen]
    figure.add_bar(
        orientation="h", x=seconds, y=[each.system for each in chosen], marker_color=COLOURS[1],
        text=[f"{each:.3g} s" for each in seconds], textposition="outside", cliponaxis=False,
    )  # fmt: skip
    return figure


def _fine_tuning(costs: list[Mapping[str, Any]]) -> go.Figure:
    """Each way beside full fine-tuning from the same seeds, those in which both got there."""
    reached = [each for each in costs if each["seconds"] is not None][::-1]
    figure = styled(
        f"Fine-tuning the language model: cost of {GOAL} that full fine-tuning brings",
        {"title": "seconds of the processor", "rangemode": "tozero"}, {}, bars_height(2 * len(reached)),
        legend={"traceorder": "reversed"},
    )  # fmt: skip
    names = [f"{each['name']} ({each['reached']})" for each in reached]
    for key, name, colour in (("full", "full, the same seeds", COLOURS[0]), ("seconds", "this way", COLOURS[2])):
        seconds = [each[key] for each in reached]
        figure.add_bar(
            orientation="h", x=seconds, y=names, name=name, marker_color=colour,
            text=[f"{each:.0f} s" for each in seconds], textposition="outside", cliponaxis=False,
        )  # fmt: skip
    return figure


def _roofline(program: Mapping[str, Any], rtl: Mapping[str, Any] | None) -> go.Figure:
    """Layers lie on the bound by definition; what the RTL's engines reach lies below it."""
    figure = styled(
        f"Roofline: {program['name']}, {program['variant']}",
        {"title": "cycles to compute, for each cycle to move the bytes", "type": "log", "dtick": "D2"},
        {"title": "share of the engine's peak rate", "tickformat": ".0%", "type": "log", "dtick": "D2"}, 480,
        legend={"itemsizing": "constant"},
    )  # fmt: skip
    layers = [each for each in program["layers"] if each["compute"] and each["memory"]]
    if layers:
        ratios = [each["compute"] / each["memory"] for each in layers]
        ends = min(*ratios, 0.5) / 1.5, max(*ratios, 2) * 1.5
        figure.add_scatter(
            x=[ends[0], 1, ends[1]], y=[ends[0], 1, 1], mode="lines", name="bound", line={"color": "#888"},
            hoverinfo="skip",
        )  # fmt: skip
    most = max((each["least"] for each in layers), default=1)
    for engine, colour in zip(ENGINES, COLOURS, strict=False):
        own = [each for each in layers if each["engine"] == engine]
        figure.add_scatter(
            x=[each["compute"] / each["memory"] for each in own],
            y=[each["compute"] / max(each["compute"], each["memory"]) for each in own],
            mode="markers", name=f"{engine}: layers", marker={
                "color": colour, "opacity": 0.6, "size": [6 + 24 * (each["least"] / most) ** 0.5 for each in own]
            },
            hovertext=[f"{each['node']} ({each['operator']})<br>{each['least']:,} cycles at least" for each in own],
            hoverinfo="text",
        )  # fmt: skip
        for each in (rtl or {}).get("engines", []):
            if each["name"] == engine and each["cycles"]:
                figure.add_scatter(
                    x=[each["min_cycles_compute"] / each["min_cycles_memory"]],
                    y=[each["min_cycles_compute"] / each["cycles"]], mode="markers", name=f"{engine}: RTL",
                    marker={"color": colour, "symbol": "x", "size": 13},
                )  # fmt: skip
    return figure


def _errors(program: Mapping[str, Any]) -> go.Figure:
    layers = [each for each in program["layers"] if each["error"] is not None]
    figure = styled(
        f"Quantisation error by layer: {program['name']}", {"title": "layer, in the order of the program"},
        {"title": "relative root mean square", "tickformat": ".1%", "rangemode": "tozero"}, 420,
        legend={"orientation": "h", "y": -0.25},
    )  # fmt: skip
    for name, key, colour in (("with what came before", "error", 0), ("its own", "own", 3)):
        figure.add_scatter(
            x=list(range(1, len(layers) + 1)), y=[each[key] for each in layers], name=name, mode="lines+markers",
            line={"color": COLOURS[colour]}, hoverinfo="text",
            hovertext=[f"{each['node']} ({each['operator']})<br>{each[key] or 0:.3%}" for each in layers],
        )  # fmt: skip
    return figure
