"""Imports modules of the hardware in their rewritten form.

Only in a process of its own: what has been imported before stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from gatewright_sim.mutation.operators import Operators
from gatewright_sim.mutation.rewrite import RUNTIME, rewrite

__all__ = ["PACKAGE", "Hook"]

PACKAGE = "gatewright_hw"


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, hook: Hook) -> None:
        super().__init__(name, path)
        self._hook = hook

    def get_code(self, fullname: str) -> CodeType:
        """Compiled anew every time, since the compiled files that Python keeps are of the source as it stands."""
        tree, lines = rewrite(Path(self.path).read_text(), self._hook.file(fullname))
        self._hook.lines.update(lines)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        setattr(module, RUNTIME, self._hook.operators)
        super().exec_module(module)


class Hook(MetaPathFinder):
    """Finds the modules to rewrite, once it stands in ``sys.meta_path``.

    Parameters
    ----------
    files : of the hardware, relative to its package.
    operators : what the rewritten modules call.

    Attributes
    ----------
    lines : the line of each site that was rewritten.
    """

    def __init__(self, files: Iterable[str], operators: Operators) -> None:
        self.operators = operators
        self.lines: dict[str, int] = {}
        self._files = {self.module(file): file for file in files}

    @staticmethod
    def module(file: str) -> str:
        """The name of the module in ``file``."""
        return f"{PACKAGE}.{file.removesuffix('.py').replace('/', '.')}"

    def file(self, module: str) -> str:
        """Where a module stands, relative to the package."""
        return self._files[module]

    def install(self) -> None:
        """From now on. Raises RuntimeError where one of the modules has been imported before."""
        early = sorted(self._files.keys() & sys.modules.keys())
        if early:
            raise RuntimeError(f"{early[0]} is imported already, allowed: modules that nobody has imported")
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's place, with a loader that rewrites it."""
        if fullname not in self._files:
            return None
        found = PathFinder.find_spec(fullname, path, target)
        if found and found.origin:
            found.loader = _Loader(fullname, found.origin, self)
        return found
