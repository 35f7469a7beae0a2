"""JSON into dataclasses, each field checked against its type."""

from __future__ import annotations

import sys
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from gatewright.artefact.errors import ArtefactError

__all__ = ["from_json"]

Kind = TypeVar("Kind")
_NAMES = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    dict: "an object",
    list: "a list",
}


def from_json(kind: type[Kind], content: Any, where: str = "") -> Kind:
    """The dataclass ``kind`` of a JSON object: its fields are texts, numbers, truth values, dataclasses, tuples or
    dicts of these.

    Raises :class:`ArtefactError` that names the field; what ``kind`` itself refuses passes through.
    """
    _expect(dict, content, where)
    hints = get_type_hints(kind)
    parts = {"lacks": hints.keys() - content.keys(), "has the unknown": content.keys() - hints.keys()}
    if wrong := [f"{how} {', '.join(sorted(names))}" for how, names in parts.items() if names]:
        raise ArtefactError(f"{where or 'it'} {'; '.join(wrong)}")
    below = f"{where}." if where else ""
    return kind(**{name: _value(hint, content[name], below + name) for name, hint in hints.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(hint) or hint, get_args(hint)
    if origin is tuple:
        _expect(list, value, where)
        if inner[-1] is ...:
            inner = inner[:1] * len(value)
        if len(inner) != len(value):
            raise ArtefactError(f"{where} has {len(value)} entries, allowed {len(inner)}")
        return tuple(_value(each, value[index], f"{where}[{index}]") for index, each in enumerate(inner))
    if origin is dict:
        _expect(dict, value, where)
        return {name: _value(inner[1], entry, f"{where}.{name}") for name, entry in value.items()}
    if origin not in _NAMES:
        return from_json(hint, value, where)
    _expect(origin, value, where)
    return origin(value)


def _expect(kind: type, value: Any, where: str) -> None:
    """JSON writes a real number without fraction as a whole one; some of those are beyond all real ones."""
    fits = isinstance(value, (int, float) if kind is float else kind) and isinstance(value, bool) == (kind is bool)
    if fits and kind is float:
        fits = abs(value) <= sys.float_info.max
    if not fits:
        raise ArtefactError(f"{where or 'it'} is {str(value)[:80]!r}, allowed: {_NAMES[kind]}")
