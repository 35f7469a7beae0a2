"""Sizes for the dynamic dimensions of a model."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gatewright.compiler.errors import CompileError

__all__ = ["Bindings"]


@dataclass(frozen=True)
class Bindings:
    """What each named dynamic dimension becomes.

    Attributes
    ----------
    buckets : sizes that replace dimensions, for example ``{"tokens": 32}``; the dimension is static afterwards.
    capacity : largest sizes of dimensions that stay dynamic, for example ``{"edges": 100_000}``.
    derived : largest sizes of dimensions that passes introduce.

    Raises `CompileError` for a size below 1 and for a dimension that is in both.
    """

    buckets: Mapping[str, int] = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)
    derived: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for option in ("buckets", "capacity"):
            for name, size in getattr(self, option).items():
                if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                    raise CompileError(
                        f"{option}: the size of dimension {name!r} is {size!r}, allowed are integers >= 1"
                    )
        both = sorted(set(self.buckets) & set(self.capacity))
        if both:
            raise CompileError(f"dimension {both[0]!r} is in buckets and in capacity, allowed is one of them")
