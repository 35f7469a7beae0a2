"""What lies inside of a component: an invariant has to speak of registers that are nobody else's business."""

from __future__ import annotations

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
    driven = {
        id(signal): signal
        for statements in module._statements.values()
        for statement in statements
        for signal in statement._lhs_signals()
        if signal.name == name
    }
    if len(driven) != 1:
        raise LookupError(f"{len(driven)} signals are called {name!r}, needed: one")
    return next(iter(driven.values()))
