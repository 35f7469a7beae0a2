"""The places to run. A package offers one by an entry point of the group ``gatewright.backends``: its name, its class.

Gatewright's own are in ``pyproject.toml``. A backend's module is imported only when the backend is asked for.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from gatewright.driver.backend import Backend
from gatewright.driver.errors import BackendUnavailable, DriverError
from gatewright.spec.config import AcceleratorConfig

__all__ = ["GROUP", "PREFERENCE", "backend_names", "open_backend"]

GROUP = "gatewright.backends"

PREFERENCE = ("board", "rtl", "golden")
"""What ``auto`` tries first, in this order; then others by name."""

_log = logging.getLogger(__name__)


@cache
def _installed() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def backend_names() -> list[str]:
    """Names of the installed backends, in the order in which ``auto`` tries them.

    Raises :class:`BackendUnavailable` where there is none at all.
    """
    names = {entry.name for entry in _installed()}
    if not names:
        raise BackendUnavailable(
            f"no backend is installed: no package's metadata has the group {GROUP!r}; install gatewright again, in a "
            "checkout with pip install -e ."
        )
    return sorted(names, key=lambda name: (PREFERENCE.index(name) if name in PREFERENCE else len(PREFERENCE), name))


def _open(name: str, config: AcceleratorConfig, options: dict[str, Any]) -> Backend:
    offers = {entry.value: entry for entry in _installed() if entry.name == name}
    if len(offers) > 1:
        raise BackendUnavailable(f"backend {name!r} is offered more than once: {', '.join(sorted(offers))}")
    (offer,) = offers.values()
    try:
        kind = offer.load()
    except (ImportError, AttributeError) as error:
        raise BackendUnavailable(f"backend {name!r} cannot run here: {error}") from error
    backend: Backend = kind(config, **options)
    return backend


def open_backend(name: str, config: AcceleratorConfig, options: dict[str, Any] | None = None) -> tuple[Backend, str]:
    """Open a backend by name, or the first that is available for ``"auto"``.

    ``options`` are keyword arguments of the named backend; ``"auto"`` takes none, as they differ from one to the next.
    Returns the backend and a sentence that says which it is and why. Raises :class:`DriverError` on an unknown name and
    :class:`BackendUnavailable` when the backend cannot run here.
    """
    options, names = options or {}, backend_names()
    if name != "auto":
        if name not in names:
            raise DriverError(f"unknown backend {name!r}, allowed: auto, {', '.join(names)}")
        return _open(name, config, options), f"backend {name}, as asked for"
    if options:
        raise DriverError(f"options {', '.join(sorted(options))} need a named backend, allowed: {', '.join(names)}")
    reasons: list[str] = []
    for candidate in names:
        try:
            backend = _open(candidate, config, {})
        except BackendUnavailable as error:
            reasons.append(str(error))
            continue
        choice = f"backend {candidate}, the first available of {', '.join(names)}"
        choice += f" ({'; '.join(reasons)})" if reasons else ""
        _log.info("%s", choice)
        return backend, choice
    raise BackendUnavailable(f"no backend is available: {'; '.join(reasons)}")
