"""Checks of what components are built with."""

from __future__ import annotations

import operator
from typing import SupportsIndex

__all__ = ["in_range"]


def in_range(component: str, name: str, value: SupportsIndex, least: int, most: int) -> int:
    """The parameter ``name`` of a ``component`` as an int.

    Raises
    ------
    ValueError
        Unless it is in ``least`` .. ``most``; says both.
    TypeError
        When it is not an integer.
    """
    number = operator.index(value)
    if not least <= number <= most:
        raise ValueError(f"{component}: {name} is {number}, allowed {least}..{most}")
    return number
