"""What a build found out, as data and as a page with pictures that needs nothing from elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from typing import Any

from gatewright.artefact import Clock
from gatewright_hw.build.flow import Request, Result

__all__ = ["html", "report"]


def report(tool: str, request: Request, result: Result, clock: Clock) -> dict[str, Any]:
    """The report as data for JSON."""
    return {
        "board": request.board.name,
        "part": request.board.part,
        "config": request.config.name,
        "tool": tool,
        "tools": result.tools,
        "clock": asdict(clock),
        "utilisation": result.utilisation,
        "modules": result.modules,
        "paths": [asdict(path) for path in result.paths],
        "remarks": list(result.remarks),
    }


def html(described: dict[str, Any]) -> str:
    """The page of a :func:`report`."""
    title = f"{described['config']} on {described['board']}"
    rows = "".join(f"<tr><th>{escape(name)}<td>{escape(str(value))}" for name, value in described.items())
    return f"<!doctype html>\n<meta charset=utf-8>\n<title>{escape(title)}</title>\n<table>{rows}</table>\n"
