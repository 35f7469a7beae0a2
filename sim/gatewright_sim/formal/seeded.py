"""Components with a bug, made from the source with one place changed."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType
from unittest.mock import patch

from gatewright.spec.errors import GatewrightError
from gatewright_sim.formal.proof import Bug

__all__ = ["SeedError", "seeded"]


class SeedError(GatewrightError):
    """A bug whose place is not in the source."""


@contextmanager
def seeded(bug: Bug) -> Iterator[None]:
    """While the body runs, the classes of ``bug.module`` have the methods of the changed source, all but
    ``__init__``.

    Raises :class:`SeedError` when the place to change is not there, or not there once: a bug that is not in the design
    would prove nothing.
    """
    source = inspect.getsource(bug.module)
    if (places := source.count(bug.before)) != 1:
        raise SeedError(
            f"bug {bug.what!r}: {bug.before!r} stands {places} times in {bug.module.__name__}, needed: once"
        )
    changed = ModuleType(bug.module.__name__)
    changed.__file__ = bug.module.__file__
    exec(compile(source.replace(bug.before, bug.after), str(bug.module.__file__), "exec"), vars(changed))
    with _methods_of(bug.module, changed):
        yield


@contextmanager
def _methods_of(module: ModuleType, changed: ModuleType) -> Iterator[None]:
    patches = []
    for name, cls in vars(changed).items():
        if isinstance(cls, type) and cls.__module__ == module.__name__:
            methods = {key: member for key, member in vars(cls).items() if isinstance(member, FunctionType | property)}
            methods.pop("__init__", None)
            patches += [patch.object(getattr(module, name), key, member) for key, member in methods.items()]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()
