"""Mutants that no test can notice, since they do what the original does: each with its reason."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["EQUIVALENTS"]

EQUIVALENTS: dict[str, str] = {
    entry["mutant"]: entry["reason"] for entry in json.loads((Path(__file__).parent / "equivalents.json").read_text())
}
"""Why, by the mutant's key, which names place and fault in words rather than by lines."""
