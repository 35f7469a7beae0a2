"""Packages that load what they offer when it is asked for: numpy alone takes a second to import on a board, in which a
command that has not begun yet could not answer to Ctrl-C."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["loaded_when_asked_for"]


def loaded_when_asked_for(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__`` (PEP 562). ``homes``: by name, ``module:name`` of what it is."""

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        found = getattr(import_module(module), attribute)
        setattr(sys.modules[package], name, found)  # so that it is asked for once
        return found

    return get, lambda: sorted({*vars(sys.modules[package]), *homes})
