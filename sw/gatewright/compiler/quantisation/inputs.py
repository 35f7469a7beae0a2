"""Calibration inputs: checked against the model's inputs before anything is made of them, then padded to its sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.matrices import dims
from gatewright.compiler.masks import padding

__all__ = ["Inputs", "checked", "padded"]

Array = npt.NDArray[Any]
Inputs = Mapping[str, Array]


def checked(
    model: ir.Model, calibration: Inputs | Iterable[Inputs] | None, largest: Mapping[str, int]
) -> list[dict[str, Array]]:
    """Sets of inputs by name, in the types of the model's inputs; none where ``calibration`` is None.

    ``largest`` is the largest size of each dynamic dimension.

    Raises :class:`CompileError`, naming the set, the input and the place in it, for a missing or unknown input, a type
    or shape that the model's input does not have, and numbers that are none. Infinities may stand beside zeros alone,
    as in a mask that is added to scores.
    """
    sets = [calibration] if isinstance(calibration, Mapping) else list(calibration or [])
    found = []
    for index, feed in enumerate(sets):
        where = f"calibration set {index}" if len(sets) > 1 else "calibration"
        if not isinstance(feed, Mapping):
            raise CompileError(f"{where} is a {type(feed).__name__}, allowed are inputs by name")
        names = [value.name or "" for value in model.graph.inputs]
        unknown = next((name for name in feed if name not in names), None)
        if unknown is not None:
            raise CompileError(f"{where} has {unknown!r}, allowed are the inputs of the model: {', '.join(names)}")
        sizes: dict[str, int] = {}
        arrays = {}
        for value in model.graph.inputs:
            name = value.name or ""
            if name not in feed:
                raise CompileError(f"{where} lacks the input {name!r}, needed: all inputs of the model")
            arrays[name] = _array(feed[name], value, f"{where}: input {name!r}")
            _check_shape(arrays[name], value, largest, sizes, f"{where}: input {name!r}")
        found.append(arrays)
    return found


def _array(given: object, value: ir.Value, what: str) -> Array:
    """The numbers of an input in the type of the model."""
    assert value.dtype is not None
    wanted = value.dtype.numpy()
    try:
        array = np.asarray(given)
    except ValueError as error:  # rows of different lengths
        raise CompileError(f"{what} is no array: {error}") from None
    whole = wanted.kind in "biu" and array.dtype.kind in "biu"
    if not (whole or np.can_cast(array.dtype, wanted, "same_kind")):
        raise CompileError(f"{what} is {array.dtype}, allowed: {wanted}")
    if np.issubdtype(array.dtype, np.floating):
        _check_finite(array, what)
    elif array.size:
        limits = (0, 1) if wanted.kind == "b" else _limits(wanted)
        outside = (array < limits[0]) | (array > limits[1])
        if outside.any():
            raise CompileError(
                f"{what} is {array[outside][0]} at {_place(outside)}, allowed in {wanted}: {limits[0]}..{limits[1]}"
            )
    with np.errstate(over="ignore"):
        converted = array.astype(wanted, copy=False)
    if np.issubdtype(wanted, np.floating):
        overflow = np.isinf(converted) & np.isfinite(array)
        if overflow.any():
            raise CompileError(f"{what} is {array[overflow][0]:g} at {_place(overflow)}, too large for {wanted}")
    return converted


def _limits(kind: np.dtype[Any]) -> tuple[float, float]:
    return (np.iinfo(kind).min, np.iinfo(kind).max) if np.issubdtype(kind, np.integer) else (-np.inf, np.inf)


def _check_finite(array: Array, what: str) -> None:
    if np.isnan(array).any():
        raise CompileError(f"{what} is NaN at {_place(np.isnan(array))}, allowed are finite numbers")
    infinite = np.isinf(array)
    if infinite.any() and array[~infinite].any():
        raise CompileError(
            f"{what} is infinite at {_place(infinite)}, allowed are finite numbers, or a mask of 0 and -inf"
        )


def _place(where: Array) -> list[int]:
    """The first place of what is true."""
    return [int(index) for index in np.argwhere(where)[0]]


def _check_shape(array: Array, value: ir.Value, largest: Mapping[str, int], sizes: dict[str, int], what: str) -> None:
    """``sizes`` are those that other inputs of the set give to dynamic dimensions."""
    assert value.shape is not None
    wanted: Sequence[int | str] = dims(value.shape)
    allowed = f"allowed is [{', '.join(map(str, wanted))}]"
    if array.ndim != len(wanted):
        raise CompileError(f"{what} has shape {list(array.shape)}, {allowed}")
    for have, size in zip(array.shape, wanted, strict=True):
        if isinstance(size, int) and have != size:
            raise CompileError(f"{what} has shape {list(array.shape)}, {allowed}")
        if isinstance(size, str) and size in largest:
            if have > largest[size]:
                raise CompileError(f"{what} has shape {list(array.shape)}, {allowed} with {size} up to {largest[size]}")
            if sizes.setdefault(size, have) != have:
                raise CompileError(
                    f"{what} has shape {list(array.shape)}, {allowed} with {size} {sizes[size]} as in another input"
                )


def padded(model: ir.Model, feed: Inputs) -> dict[str, Array]:
    """Checked inputs brought to the model's static shapes, padded as the driver does."""
    found = {}
    for value in model.graph.inputs:
        assert value.shape is not None and value.name is not None
        array = feed[value.name]
        pads = [
            (0, size - have) if isinstance(size, int) else (0, 0)
            for have, size in zip(array.shape, value.shape, strict=True)
        ]
        if any(after < 0 for _, after in pads):
            raise CompileError(
                f"calibration: input {value.name!r} has shape {list(array.shape)}, allowed up to {value.shape}"
            )
        found[value.name] = np.pad(array, pads, constant_values=padding(value)) if pads else array
    return found
