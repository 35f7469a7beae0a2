"""Options for the dynamic dimensions of a model."""

from typing import Annotated

import typer

from gatewright.spec.errors import GatewrightError

__all__ = ["Buckets", "Capacities", "bucket_sizes", "capacity_sizes"]

Buckets = Annotated[
    list[str] | None,
    typer.Option("--bucket", help="Sizes of a dynamic dimension to compile for, such as tokens=32,128."),
]
Capacities = Annotated[
    list[str] | None,
    typer.Option("--capacity", help="Largest size of a dimension that stays dynamic, such as edges=100000."),
]


def bucket_sizes(given: list[str] | None) -> dict[str, list[int]]:
    """What `--bucket` says. Raises :class:`GatewrightError` for anything but names with sizes above 0."""
    return _sizes("--bucket", given)


def capacity_sizes(given: list[str] | None) -> dict[str, int]:
    """What `--capacity` says. Raises :class:`GatewrightError` for anything but names with one size above 0 each."""
    found = _sizes("--capacity", given)
    for dim, sizes in found.items():
        if len(sizes) != 1:
            raise GatewrightError(f"--capacity {dim} has {len(sizes)} sizes, allowed: one")
    return {dim: sizes[0] for dim, sizes in found.items()}


def _sizes(option: str, given: list[str] | None) -> dict[str, list[int]]:
    """``["tokens=32,128"]`` as ``{"tokens": [32, 128]}``."""
    found: dict[str, list[int]] = {}
    for text in given or []:
        dim, equals, sizes = text.partition("=")
        numbers = sizes.split(",")
        if not (dim and equals and all(number.strip().isdecimal() and int(number) for number in numbers)):
            raise GatewrightError(f"{option} is {text!r}, allowed: NAME=SIZE with sizes above 0, such as tokens=32")
        if dim in found:
            raise GatewrightError(f"{option} {dim} is given twice, allowed: once")
        found[dim] = [int(number) for number in numbers]
    return found
