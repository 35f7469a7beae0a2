"""What a build found out, as data and as a page with pictures that needs nothing from elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gatewright.artefact import Clock
from gatewright.web_page import table, web_page
from gatewright_hw.area import PARTS
from gatewright_hw.build.bars import Bar, bars
from gatewright_hw.build.flow import RESOURCES, Request, Result

__all__ = ["AVAILABLE", "html", "report"]

AVAILABLE = {
    **{name: dict(zip(RESOURCES, asdict(part).values(), strict=True)) for name, part in PARTS.items()},
    "xck26": {"lut": 117_120, "ff": 234_240, "bram36": 144, "dsp": 1248},  # DS987, Kria K26 SOM Data Sheet
}
"""What the parts have."""

_MODULES = 16
"""So many of the largest modules are pictured; report.json has them all."""


def report(tool: str, request: Request, result: Result, clock: Clock) -> dict[str, Any]:
    """The report as data for JSON."""
    available = AVAILABLE.get(request.board.device, {})
    return {
        "board": request.board.name,
        "part": request.board.part,
        "config": request.config.name,
        "tool": tool,
        "tools": result.tools,
        "unvouched": [*request.unvouched, *result.unvouched],
        "clock": asdict(clock),
        "utilisation": {
            name: {"used": used, "available": available.get(name)} for name, used in result.utilisation.items()
        },
        "modules": result.modules,
        "paths": [asdict(path) for path in result.paths],
        "remarks": list(result.remarks),
    }


def html(described: dict[str, Any]) -> str:
    """The page of a :func:`report`."""
    clock = described["clock"]
    tools = [described["tool"], *(f"{name} {version}" for name, version in described["tools"].items())]
    facts = [
        ("part", described["part"]),
        ("built with", ", ".join(tools)),
        ("clock", f"{clock['set_mhz']:g} MHz, dividers {clock['divisor0']} and {clock['divisor1']}"),
        ("closed clock rests on", clock["bound"] or "every arc, timed"),
        ("not timed", ", ".join(clock["untimed"]) or "nothing"),
        *(("nobody vouches for it", reason) for reason in described["unvouched"]),
        *(("remark", remark) for remark in described["remarks"]),
    ]
    parts = [table(facts), "<h2>Clock</h2>", _clock(clock)]
    if described["utilisation"]:
        parts += ["<h2>Utilisation</h2>", _utilisation(described["utilisation"])]
    for resource in RESOURCES if described["modules"] else ():
        parts += [f"<h2>{resource} by module</h2>", _modules(described["modules"], resource)]
    if described["paths"]:
        parts += ["<h2>Longest paths</h2>", _paths(described["paths"], 1e3 / clock["asked_mhz"])]
    title = f"{described['config']} on {described['board']}"
    return web_page(title, "\n".join(parts), width=60)


def _clock(clock: dict[str, Any]) -> str:
    rows = [(name, clock[f"{name}_mhz"]) for name in ("asked", "closed", "set")]
    return bars([Bar(name, mhz, f"{mhz:.2f} MHz") for name, mhz in rows], max(mhz for _, mhz in rows))


def _utilisation(utilisation: dict[str, Any]) -> str:
    rows = []
    for name, amounts in utilisation.items():
        used, available = amounts["used"], amounts["available"]
        of = f" of {available:,g}, {used / available:.1%}" if available else ""
        rows.append(Bar(name, used / available if available else 0.0, f"{used:,g}{of}"))
    return bars(rows, 1.0)


def _modules(modules: dict[str, dict[str, float]], resource: str) -> str:
    rows = sorted(((amounts[resource], name) for name, amounts in modules.items()), reverse=True)[:_MODULES]
    return bars([Bar(name, amount, f"{amount:,g}") for amount, name in rows if amount], rows[0][0])


def _paths(paths: list[dict[str, Any]], period_ns: float) -> str:
    rows = [
        Bar(path["module"] or "(top)", path["ns"], f"{path['ns']:.2f} ns: {path['start']} to {path['end']}")
        for path in paths
    ]
    return f"<p>The clock's period is {period_ns:.2f} ns.</p>\n" + bars(rows, max(period_ns, rows[0].value))
