"""Which code a result depends on: the modules that made it, what these import of ours, and versions of the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from gatewright.cache import digest

__all__ = ["PROGRAM_ROOMS", "ROOMS", "source_files", "source_version"]

ROOMS = ("gatewright.comparison", "gatewright.evaluation", "gatewright.models", "gatewright.recommender",
         "gatewright.training")  # fmt: skip
"""Packages whose code decides about results; what is imported from elsewhere (caches, files, errors) does not."""

PROGRAM_ROOMS = (*ROOMS, "gatewright.compiler", "gatewright.program", "gatewright.spec")
"""Those, and what decides about compiled programs."""

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def source_version(*modules: str, rooms: tuple[str, ...] = ROOMS) -> str:
    """Hash of :func:`source_files`, and of the versions of the packages that they import from elsewhere: what is kept
    under it is made again when any of them changes, in more than words.

    A process looks once, so that a file that is edited meanwhile is that of the next process.
    """
    files = source_files(*modules, rooms=rooms)
    ours = (part for name, file in files.items() for part in (name, ast.dump(_parsed(file))))
    return digest(*ours, *_versions(files.values(), rooms))


def source_files(*modules: str, rooms: tuple[str, ...] = ROOMS) -> dict[str, Path]:
    """The files of ``modules`` and of all in ``rooms`` that they import, directly or not, by name, in order of names.

    A package counts where something is imported from it, not where it only leads to a module: its ``__init__`` gathers
    names and decides nothing. One that imports by name counts with all of its modules.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        file = _file(name)
        if name not in found and file is not None:
            found[name] = file
            waiting += [each for each in _imported(file) if _inside(each, rooms)]
            if file.name == "__init__.py" and _imports_by_name(file):
                waiting += [f"{name}.{each.stem}" for each in file.parent.glob("*.py") if each != file]
    return dict(sorted(found.items()))


def _versions(files: Iterable[Path], rooms: tuple[str, ...]) -> list[str]:
    """Of the packages that ``files`` import from and that were installed under the names that they are imported by."""
    own = {room.partition(".")[0] for room in rooms}
    names = {name for file in files for name in _packages(file)}
    found = []
    for name in sorted(names - own):
        with suppress(PackageNotFoundError):  # of Python itself
            found.append(f"{name} {version(name)}")
    return found


def _packages(file: Path) -> Iterator[str]:
    """Names of the packages that a file imports from."""
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _file(module: str) -> Path | None:
    """None where there is no such module."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):  # below what is no package; a module without a spec
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


def _imported(file: Path) -> Iterator[str]:
    """Names that a file imports, at its head or inside of a function: some are modules, others lie in one."""
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [name for name in inner if _file(name)]
            yield from modules
            if len(modules) < len(inner):
                yield node.module


def _imports_by_name(file: Path) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "import_module" for node in ast.walk(_parsed(file)))


@cache
def _parsed(file: Path) -> ast.Module:
    """What a file says to Python: no comments, no docstrings."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, _WITH_DOCSTRING) and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


def _inside(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)
