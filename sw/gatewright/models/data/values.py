"""What a cell may hold: as one text, whose fault is said, and as a column of numbers, which are right or not."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["MAX_RATING", "MIN_RATING", "STARS", "WHOLE", "Kind", "flag", "listed", "title"]

MIN_RATING, MAX_RATING = 0.5, 5.0
MAX_INTEGER = 2**63 - 1
EXACT = 2**53  # up to here a float64 is the number that was written


@dataclass(frozen=True)
class Kind:
    """What the cells of a column of numbers hold.

    Attributes
    ----------
    dtype : of the column in memory
    parse : a cell's text -> its value; a ValueError goes on after the column's name: "'x' is not ..."
    allows : float64 [rows] -> bool [rows], True only where ``parse`` of the same cells gives these very numbers
    """

    dtype: type
    parse: Callable[[str], Any]
    allows: Callable[[np.ndarray], np.ndarray]


def _whole(text: str) -> int:
    wrong = f"{text[:40]!r} is not a whole number from 0 to {MAX_INTEGER}"
    try:
        value = int(text)
    except ValueError:
        value = _whole_float(text, wrong)
    if not 0 <= value <= MAX_INTEGER or "_" in text:
        raise ValueError(wrong)
    return value


def _whole_float(text: str, wrong: str) -> int:
    """Ids and times as pandas writes them where a column once had a gap: ``1.0``, ``9.64982703e8``."""
    try:
        value = float(text)
    except ValueError:
        raise ValueError(wrong) from None
    if not value.is_integer():  # nor is infinity or NaN
        raise ValueError(wrong)
    if value >= EXACT:
        raise ValueError(f"{text[:40]!r} is not exact: with a point or an exponent it must be below {EXACT}")
    return int(value)


def _is_whole(values: np.ndarray) -> np.ndarray:
    return (values >= 0) & (values < EXACT) & (values == np.floor(values))


def _stars(text: str) -> float:
    try:
        value = float(text if "_" not in text else "")
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number from {MIN_RATING} to {MAX_RATING:.0f}") from None
    if not MIN_RATING <= value <= MAX_RATING:
        raise ValueError(f"{text[:40]} is outside {MIN_RATING} to {MAX_RATING:.0f}")
    return value


WHOLE = Kind(np.int64, _whole, _is_whole)
STARS = Kind(np.float32, _stars, lambda values: (values >= MIN_RATING) & (values <= MAX_RATING))


def listed(ids: Collection[int], where: str) -> Kind:
    """Whole numbers that are among ``ids``, those of the file ``where``."""
    known = np.fromiter(ids, np.int64, len(ids))

    def parse(text: str) -> int:
        value = _whole(text)
        if value not in ids:
            raise ValueError(f"{value} is not listed in {where}")
        return value

    def allows(values: np.ndarray) -> np.ndarray:
        allowed = _is_whole(values)
        allowed[allowed] = np.isin(values[allowed].astype(np.int64), known)
        return allowed

    return Kind(np.int64, parse, allows)


def title(text: str) -> str:
    """A movie's name, without blanks around it, which 100K has some of."""
    if not text.strip():
        raise ValueError("is blank, a movie needs a name")
    return text.strip()


def flag(text: str) -> bool:
    """Whether a movie is of a genre: 0 or 1."""
    if text.strip() not in ("0", "1"):
        raise ValueError(f"{text[:40]!r} is neither 0 nor 1")
    return text.strip() == "1"
