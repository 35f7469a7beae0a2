"""Counts samples in bins, keeps the counts in files, and says which bins no sample fell into."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from gatewright.files import written_whole
from gatewright.spec.commands import Opcode
from gatewright.spec.registers import ENGINES
from gatewright_sim.benches.coverage.crosses import CROSSES, Cross
from gatewright_sim.benches.coverage.points import Sample

__all__ = ["FOLDER", "Counts", "holes", "merged", "note", "save", "table", "to_json"]

FOLDER = "GATEWRIGHT_COVERAGE"
"""The environment variable that names where counts are kept; without it none are."""

Counts = Counter[tuple[str, str, str]]
"""How many samples by opcode, cross and bins."""

_COUNTED: Counts = Counter()


def _name(cross: Cross) -> str:
    return " x ".join(point.name for point in cross)


def note(sample: Sample, counts: Counts = _COUNTED) -> None:
    """Count a sample, by default among those of this process."""
    opcode = sample.command.spec.opcode
    for cross in CROSSES[opcode]:
        bins = [point.of(sample) for point in cross]
        if None not in bins:
            counts[opcode.name, _name(cross), ", ".join(map(str, bins))] += 1


def save() -> None:
    """Keep this process's counts in the folder that FOLDER names, if it does."""
    folder = os.environ.get(FOLDER)
    if folder:
        with written_whole(Path(folder) / f"{os.getpid()}.json") as file:
            file.write(json.dumps([[*key, count] for key, count in _COUNTED.items()]).encode())


def merged(folder: Path) -> Counts:
    """The counts of all processes that kept theirs in ``folder``."""
    counts: Counts = Counter()
    for path in folder.glob("*.json"):
        for opcode, cross, bins, count in json.loads(path.read_bytes()):
            counts[opcode, cross, bins] += count
    return counts


def _missing(opcode: Opcode, cross: Cross, counts: Counts) -> list[str]:
    bins = (", ".join(each) for each in product(*(point.bins for point in cross)))
    return [each for each in bins if not counts[opcode.name, _name(cross), each]]


def _crosses(kernels: Collection[str]) -> Iterator[tuple[Opcode, Cross]]:
    """Every cross of the commands of these kernels."""
    for opcode, crosses in CROSSES.items():
        if opcode.name.lower() in kernels:
            yield from ((opcode, cross) for cross in crosses)


def holes(counts: Counts, kernels: Collection[str] = ENGINES) -> list[tuple[str, str, str]]:
    """Every bin of these kernels without a sample: opcode, cross and bins."""
    return [
        (opcode.name, _name(cross), bins)
        for opcode, cross in _crosses(kernels)
        for bins in _missing(opcode, cross, counts)
    ]


def table(counts: Counts, kernels: Collection[str] = ENGINES) -> str:
    """A line for each cross: bins hit, bins there are, and the first that are missing."""
    lines = []
    for opcode, cross in _crosses(kernels):
        missing, bins = _missing(opcode, cross, counts), prod(len(point.bins) for point in cross)
        tail = f"   never: {'; '.join(missing[:5])}{' ...' * (len(missing) > 5)}" if missing else ""
        lines.append(f"{opcode.name:10} {_name(cross):24} {bins - len(missing):4} of {bins:4}{tail}")
    return "\n".join(lines)


def to_json(counts: Counts, kernels: Collection[str] = ENGINES) -> dict[str, Any]:
    """How many samples each bin has that was hit, and the others, as JSON's types."""
    names = ("opcode", "cross", "bins")
    hit = [dict(zip(names, key, strict=True)) | {"samples": count} for key, count in sorted(counts.items())]
    return {"hit": hit, "never": [dict(zip(names, key, strict=True)) for key in holes(counts, kernels)]}
