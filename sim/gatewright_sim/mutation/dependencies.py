"""What a block's verdicts depend on: the files of the campaign, of the benches and of the tests of the parts, and all
of ours that these import, as their texts say it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from gatewright.cache import digest
from gatewright_sim.benches.catalogue import BENCHES
from gatewright_sim.mutation.blocks import ROOT, Block
from gatewright_sim.mutation.parts import tests_of

__all__ = ["dependencies", "sources_hash"]

_PLACES = tuple(ROOT / name for name in ("hw", "sim", "sw", "tests"))
_CAMPAIGN = ("gatewright_sim.mutation.campaign", "gatewright_sim.mutation.entry")


def sources_hash(block: Block) -> str:
    """A hash of all that its verdicts depend on."""
    files = sorted(dependencies(block))
    return digest(*(part for file in files for part in (str(file.relative_to(ROOT)), file.read_bytes())))


def dependencies(block: Block) -> set[Path]:
    """All those files."""
    designs = [BENCHES[bench].design for bench in block.benches]
    benches = {bench.module for bench in BENCHES.values() if bench.design in designs}
    tests = {test for file in block.files if (test := tests_of(file))}
    fixtures = {folder / "conftest.py" for test in tests for folder in test.parents if ROOT in folder.parents}
    files = {file for module in (*_CAMPAIGN, *benches) for file in _files(module)} | tests
    return _closed(files | {file for file in fixtures if file.exists()})


def _closed(files: Iterable[Path]) -> set[Path]:
    found: set[Path] = set()
    left = set(files)
    while left:
        found |= left
        left = {imported for file in left for imported in _imported(file)} - found
    return found


@cache
def _imported(file: Path) -> frozenset[Path]:
    """The files of ours that a file imports, at its head or inside of a function."""
    modules: set[str] = set()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found for module in modules for found in _files(module))


def _files(name: str) -> Iterator[Path]:
    """The file of a module or of what is in one, and those of the packages around it."""
    parts = name.split(".")
    for place in _PLACES:
        for count in range(1, len(parts) + 1):
            path = place.joinpath(*parts[:count])
            yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())
