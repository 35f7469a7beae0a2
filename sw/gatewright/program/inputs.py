"""Inputs as callers give them: held against what a program takes before anything runs, and padded to its buckets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.program.compiled import Value, shape_at
from gatewright.program.errors import InputError
from gatewright.program.ranges import in_range, truth

__all__ = ["Input", "Inputs"]

Array = npt.NDArray[Any]

_TAKEN = {"b": "biuf", "i": "biu", "u": "biu", "f": "biuf"}
"""Kinds of arrays by the kind that is wanted: integers for integers and floats, floats for floats, 0 and 1 for truth
values."""


class Input:
    """One input of a program. What its type allows is looked up once, so that a call costs little."""

    def __init__(self, value: Value) -> None:
        self._value = value
        self._dtype: np.dtype[Any] = np.dtype(value.dtype)
        self._taken = _TAKEN[self._dtype.kind]

    def accept(self, given: npt.ArrayLike) -> Array:
        """``given`` as an array of the input's type, itself where it is one.

        Raises :class:`InputError` where it is no array, of a kind that is not taken, of another number of dimensions,
        or has elements that are not finite or do not fit.
        """
        value = self._value
        try:
            array = np.asarray(given)
        except ValueError as error:
            raise InputError(f"input {value.name!r} is no array: {error}") from None
        if array.dtype.kind not in self._taken:
            raise InputError(f"input {value.name!r} is {array.dtype}, allowed: {self._dtype}")
        if array.ndim != len(value.shape):
            raise InputError(
                f"input {value.name!r} has shape {array.shape}, allowed: {len(value.shape)} dimensions, {_text(value)}"
            )
        if array.dtype != self._dtype:
            return self._converted(array)
        self._check_finite(array)
        return array

    def _converted(self, array: Array) -> Array:
        """An array of another type."""
        name, wanted = self._value.name, self._dtype
        if wanted.kind == "b":
            return truth(name, array)
        self._check_finite(array)
        if wanted.kind in "iu" and not np.can_cast(array.dtype, wanted):
            limits = np.iinfo(wanted)
            in_range(name, array, int(limits.min), int(limits.max))
        with np.errstate(over="ignore"):
            converted = array.astype(wanted)
        if wanted.kind == "f" and not np.isfinite(converted).all():
            raise InputError(f"input {name!r} holds {array[~np.isfinite(converted)][0]}, too large for {wanted}")
        return converted

    def _check_finite(self, array: Array) -> None:
        """The sum of squares is finite only where all elements are, and costs less to look at."""
        if array.dtype.kind == "f" and not math.isfinite(np.vdot(array, array)) and not np.isfinite(array).all():
            held = array[~np.isfinite(array)][0]
            raise InputError(f"input {self._value.name!r} holds {held}, allowed: finite numbers")

    def bind(self, array: Array, sizes: dict[str, int]) -> None:
        """Note in ``sizes`` what the array says of named dimensions.

        Raises :class:`InputError` where it says something else than is noted, or where a fixed dimension differs.
        """
        value = self._value
        for wanted, found in zip(value.shape, array.shape, strict=True):
            if found != (sizes.setdefault(wanted, found) if isinstance(wanted, str) else wanted):
                known = f", and {wanted} is {sizes[wanted]} in an input before it" if isinstance(wanted, str) else ""
                raise InputError(f"input {value.name!r} has shape {array.shape}, allowed: {_text(value)}{known}")

    def pad(self, array: Array, sizes: Mapping[str, int]) -> Array:
        """The array, grown at the ends of its dimensions to ``sizes`` with the value's ``fill``."""
        full = shape_at(self._value.shape, sizes)
        if full == array.shape:
            return array
        grown: Array = np.empty(full, array.dtype)
        grown.fill(self._value.fill)
        grown[tuple(map(slice, array.shape))] = array
        return grown


class Inputs:
    """All inputs of a program, in its order."""

    def __init__(self, values: Sequence[Value]) -> None:
        self._inputs = {value.name: Input(value) for value in values}

    def accept(self, given: Mapping[str, npt.ArrayLike]) -> tuple[dict[str, Array], dict[str, int]]:
        """The inputs as arrays by name, and the sizes of their named dimensions.

        Raises :class:`InputError` where one is missing, unknown, or not taken (:meth:`Input.accept`,
        :meth:`Input.bind`).
        """
        if given.keys() != self._inputs.keys():
            self._refuse(given)
        values: dict[str, Array] = {}
        sizes: dict[str, int] = {}
        for name, each in self._inputs.items():
            values[name] = array = each.accept(given[name])
            each.bind(array, sizes)
        return values, sizes

    def _refuse(self, given: Mapping[str, npt.ArrayLike]) -> None:
        name = next(name for name in [*self._inputs, *given] if name not in given or name not in self._inputs)
        what = "missing" if name in self._inputs else "unknown"
        raise InputError(f"input {name!r} is {what}, allowed: {', '.join(self._inputs)}")

    def pad(self, values: Mapping[str, Array], sizes: Mapping[str, int]) -> dict[str, Array]:
        """All of them as :meth:`Input.pad` grows each."""
        return {name: each.pad(values[name], sizes) for name, each in self._inputs.items()}


def _text(value: Value) -> str:
    return f"[{', '.join(map(str, value.shape))}]"
