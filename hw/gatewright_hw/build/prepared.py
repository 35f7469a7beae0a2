"""A tool's folder remembers what it was prepared for, since the tool may run elsewhere, and much later."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from gatewright.files import reason, written_whole
from gatewright_hw.build.errors import BuildError
from gatewright_hw.build.flow import Request
from gatewright_hw.generate import design_hash

__all__ = ["check_request", "check_work", "forget_products", "note_request"]

REQUEST = "request.json"
_SOURCES = (".v", ".tcl", ".xdc", ".ys")
_PRODUCTS = (".txt", ".rpt", ".dcp", ".json", ".fasm", ".frames", ".bit", ".log")


def check_work(work: Path) -> None:
    """Raise :class:`BuildError` unless ``work`` may be written to: it is new, empty, or was prepared before."""
    try:
        names = set(os.listdir(work)) if os.path.lexists(work) else set()
    except OSError as error:
        raise BuildError(f"--work {work}: {reason(error)}") from None
    if names and REQUEST not in names:
        raise BuildError(f"--work {work} holds {min(names)}, allowed: a new or empty folder, or one prepared before")


def forget_products(work: Path) -> None:
    """Remove what a tool left in a folder that was prepared before: it belongs to another request."""
    for path in work.iterdir():
        if path.suffix in _PRODUCTS and path.is_file():
            path.unlink()


def note_request(tool: str, request: Request, work: Path) -> None:
    """Write ``request.json``: what was asked for, and the sha256 of the sources in ``work``."""
    with written_whole(work / REQUEST) as file:
        file.write((json.dumps(_described(tool, request, work), indent=2) + "\n").encode())


def check_request(tool: str, request: Request, work: Path) -> None:
    """Raise :class:`BuildError` unless ``work`` was prepared for this request, and its sources are as they were."""
    path = work / REQUEST
    try:
        noted = json.loads(path.read_text())
    except OSError as error:
        raise BuildError(f"{path}: {reason(error)}; --prepare writes it") from None
    except ValueError as error:
        raise BuildError(f"{path} is no JSON: {error}") from None
    present = _described(tool, request, work)
    if not isinstance(noted, dict) or noted.keys() != present.keys():
        raise BuildError(f"{path} has other fields than {', '.join(present)}")
    for name, value in present.items():
        if noted[name] != value:
            raise BuildError(f"{work} was prepared for {name} {_short(noted[name])}, not {_short(value)}")


def _described(tool: str, request: Request, work: Path) -> dict[str, Any]:
    sources = sorted(path for path in work.iterdir() if path.suffix in _SOURCES)
    return {
        "tool": tool,
        "board": request.board.name,
        "config": request.config.hash_text,
        "mhz": round(request.clock.mhz, 6),
        "unvouched": list(request.unvouched),
        "design": design_hash(request.config),
        "sources": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sources},
    }


def _short(value: object) -> str:
    return json.dumps(value)[:120]
