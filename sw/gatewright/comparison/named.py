"""A system by its name, with options as people write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from typing import Any

from gatewright.comparison.entry import Entry
from gatewright.comparison.errors import ComparisonError
from gatewright.models.baselines.system import System

__all__ = ["entry_named", "system_with"]


def entry_named(name: str, entries: Mapping[str, Entry]) -> Entry:
    """Of ``entries``; capitals do not count. Raises `ComparisonError` for a name that none has."""
    for known, entry in entries.items():
        if known.casefold() == name.casefold():
            return entry
    raise ComparisonError(f"system is {name!r}, allowed: {'; '.join(entries)}")


def system_with(entry: Entry, seed: int | None, given: Sequence[str]) -> System:
    """The system of ``entry`` with ``given`` options, each "name=value"; all others are its own.

    Raises `ComparisonError` for an option that it does not have, that is given twice, or whose value has another type,
    and for a ``seed`` where chance has no part in it; what the system refuses, it raises itself.
    """
    known = {field.name: field for field in fields(entry.kind) if field.name != "seed"}
    options: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            names = ", ".join(f"{each.name}={each.default}" for each in known.values())
            raise ComparisonError(f"option of {entry.name} is {text!r}, allowed: {names or 'none, it has no options'}")
        if name in options:
            raise ComparisonError(f"option {name} of {entry.name} is given twice, allowed: once")
        options[name] = _value(entry.name, known[name], value)
    if seed is not None and not entry.seeded:
        raise ComparisonError(
            f"seed of {entry.name} is {seed}, allowed: none, since chance has no part in its training"
        )
    return entry.kind(**options, **({} if seed is None else {"seed": seed}))


def _value(system: str, option: Field[Any], text: str) -> Any:
    """Of the type that the option's own value has."""
    kind = type(option.default)
    if kind is bool:
        allowed = {"true": True, "false": False}
        if text.casefold() in allowed:
            return allowed[text.casefold()]
    else:
        try:
            return kind(text)
        except ValueError:
            pass
    what = {bool: "true, false", int: "whole numbers", float: "numbers"}[kind]
    raise ComparisonError(f"option {option.name} of {system} is {text!r}, allowed: {what}")
