"""What lies inside of a component: an invariant has to speak of registers that are nobody else's business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from amaranth.hdl import Module, Signal

__all__ = ["opened", "register"]


def opened(component: Any) -> Module:
    """The module that ``component`` elaborates to, which it keeps. Its submodules may be opened in turn."""
    module = component.elaborate(None)
    component.elaborate = lambda _platform: module
    return module


def register(module: Module, name: str) -> Signal:
    """The signal called ``name`` that ``module`` itself drives. Raises :class:`LookupError` unless there is one."""
    module._flush()  # Amaranth 0.5 has no public way to a module's statements
    found = {id(each): each for part in module._statements.values() for each in _driven(part) if each.name == name}
    if len(found) != 1:
        raise LookupError(f"{len(found)} signals are called {name!r}, needed: one")
    return next(iter(found.values()))


def _driven(statements: Iterable[Any]) -> Iterator[Signal]:
    for statement in statements:
        if hasattr(statement, "cases"):
            for _, body, _ in statement.cases:
                yield from _driven(body)
        elif hasattr(statement, "_lhs_signals"):  # a state machine's next state is none yet
            yield from statement._lhs_signals()
