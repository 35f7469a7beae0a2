"""The places to run, in the order in which ``auto`` tries them. Adding one is adding a line."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from gatewright.driver.backend import Backend
from gatewright.driver.errors import BackendUnavailable, DriverError
from gatewright.spec.config import AcceleratorConfig

__all__ = ["BACKENDS", "open_backend"]

BACKENDS: dict[str, str] = {
    "board": "gatewright.driver.board:BoardBackend",
    "rtl": "gatewright_sim.rtl.backend:RtlBackend",
    "golden": "gatewright_sim.golden.backend:GoldenBackend",
}
"""Import path of each backend's class by name; imported only when it is asked for."""

_log = logging.getLogger(__name__)


def _open(name: str, config: AcceleratorConfig, options: dict[str, Any]) -> Backend:
    module, _, attribute = BACKENDS[name].partition(":")
    try:
        backend = cast(Callable[..., Backend], getattr(import_module(module), attribute))
    except ImportError as error:
        raise BackendUnavailable(f"backend {name!r} cannot run here: {error}") from error
    return backend(config, **options)


def open_backend(name: str, config: AcceleratorConfig, options: dict[str, Any] | None = None) -> tuple[Backend, str]:
    """Open a backend by name, or the first that is available for ``"auto"``.

    ``options`` are keyword arguments of the named backend; ``"auto"`` takes none, as they differ from one to the next.
    Returns the backend and a sentence that says which it is and why. Raises :class:`DriverError` on an unknown name and
    :class:`BackendUnavailable` when the backend cannot run here.
    """
    options = options or {}
    if name != "auto":
        if name not in BACKENDS:
            raise DriverError(f"unknown backend {name!r}, allowed: auto, {', '.join(BACKENDS)}")
        return _open(name, config, options), f"backend {name}, as asked for"
    if options:
        raise DriverError(f"options {', '.join(sorted(options))} need a named backend, allowed: {', '.join(BACKENDS)}")
    reasons: list[str] = []
    for candidate in BACKENDS:
        try:
            backend = _open(candidate, config, {})
        except BackendUnavailable as error:
            reasons.append(str(error))
            continue
        choice = f"backend {candidate}, the first available of {', '.join(BACKENDS)}"
        choice += f" ({'; '.join(reasons)})" if reasons else ""
        _log.info("%s", choice)
        return backend, choice
    raise BackendUnavailable(f"no backend is available: {'; '.join(reasons)}")
