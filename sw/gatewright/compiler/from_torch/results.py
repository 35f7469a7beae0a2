"""What a module gives, as tensors by name: programs know nothing of dictionaries, dataclasses and tuples."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch

from gatewright.compiler.errors import CompileError

__all__ = ["LONE", "flattened"]

LONE = "output"
"""Name of a result that is a tensor by itself; those of a tuple are numbered behind it."""


def flattened(result: Any, title: str, wanted: Collection[str] | None = None) -> dict[str, Any]:
    """The tensors of a result by name, in order: keys and fields are their names, ``<name>_<index>`` those inside of
    others. None is left out.

    ``wanted`` : names of the outermost parts that are kept; None for all.

    Raises :class:`CompileError`, naming the part, for an unknown name in ``wanted``, for what is no tensor, and for two
    tensors that would have one name.
    """
    parts = dict(_parts(result, LONE)) if not isinstance(result, torch.Tensor) else {LONE: result}
    unknown = next((name for name in wanted or () if name not in parts), None)
    if unknown is not None:
        raise CompileError(f"outputs has {unknown!r}, allowed are those of {title}: {', '.join(parts)}")
    kept = {name: part for name, part in parts.items() if wanted is None or name in wanted}
    found: dict[str, Any] = {}
    for part, value in kept.items():
        for name, tensor in _tensors(value, part, title, list(parts)):
            if name in found:
                raise CompileError(f"{title} gives two tensors named {name}, allowed are different names")
            found[name] = tensor
    if not found:
        raise CompileError(f"{title} gives {type(result).__name__} without any tensor, needed: at least one")
    return found


def _parts(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """A container's entries, named; nothing for what is none."""
    if isinstance(value, Mapping):
        yield from ((str(key), each) for key, each in value.items())
    elif is_dataclass(value):
        yield from ((field.name, getattr(value, field.name)) for field in fields(value))
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        yield from zip(value._fields, value, strict=True)
    elif isinstance(value, (tuple, list)):
        yield from ((f"{name}_{index}", each) for index, each in enumerate(value))
    elif value is not None:
        yield name, value


def _tensors(value: Any, name: str, title: str, all_parts: list[str]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.Tensor):
        yield name, value
        return
    parts = list(_parts(value, name))
    if any(part is value for _, part in parts):
        raise CompileError(
            f"{title} gives {name}, a {type(value).__name__}, allowed are tensors: leave it out by outputs=[...] with "
            f"some of {', '.join(all_parts)}"
        )
    for key, each in parts:
        yield from _tensors(each, key if key.startswith(f"{name}_") else f"{name}_{key}", title, all_parts)
