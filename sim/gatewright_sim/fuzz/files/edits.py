"""Something sound, changed here and there: bytes, and what JSON holds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

__all__ = ["damaged", "numbers", "written"]

numbers = st.sampled_from(
    (0, 1, -1, 2, 7, 8, 9, 63, 64, 65, 255, 256, 2**15, 2**16, 2**31 - 1, 2**31, 2**32, 2**40, 2**63, -(2**63), 2**64)
)
"""At the limits of types and sizes."""

_OTHERS: tuple[Any, ...] = (
    None,
    True,
    "",
    "x",
    "\n",
    "\0",
    "é",
    [],
    [0],
    {},
    {"x": 1},
    0.0,
    0.5,
    1e38,
    -1e308,
    10**400,
)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """One to six times bytes are others, a bit turned, cut out, put in, or repeated from elsewhere."""
    found = bytearray(data)
    for _ in range(draw(st.sampled_from((1, 1, 2, 3, 6)))):
        at, count = draw(st.integers(0, max(len(found) - 1, 0))), draw(st.sampled_from((1, 2, 8)))
        match draw(st.integers(0, 4)):
            case 0:
                found[at : at + count] = draw(st.binary(min_size=count, max_size=count))
            case 1 if found:
                found[at] ^= 1 << draw(st.integers(0, 7))
            case 2:
                del found[at : at + count]
            case 3:
                found[at:at] = draw(st.binary(min_size=1, max_size=count))
            case _:
                source = draw(st.integers(0, max(len(found) - 1, 0)))
                found[at : at + count] = found[source : source + count]
    return bytes(found)


@st.composite
def _changed(draw: st.DrawFn, value: Any) -> Any:
    """One to three entries of objects and lists are others: a number next to them or at a limit, another kind, another
    entry's value, none, or twice."""
    found = copy.deepcopy(value)
    for _ in range(draw(st.sampled_from((1, 1, 2, 3)))):
        places = list(_places(found))
        if not places:
            return found
        owner, key = places[draw(st.integers(0, len(places) - 1))]
        here = owner[key]
        match draw(st.integers(0, 6)):
            case 0 | 1 if isinstance(here, int | float) and not isinstance(here, bool):
                owner[key] = here + draw(st.sampled_from((1, -1, 8, -8, 64)))
            case 2 if isinstance(here, int | float):
                owner[key] = here * draw(st.sampled_from((2, -1, 1000)))
            case 3:
                owner[key] = copy.deepcopy(draw(st.sampled_from(_OTHERS)))  # which later changes would else change
            case 4:
                other, where = places[draw(st.integers(0, len(places) - 1))]
                owner[key] = copy.deepcopy(other[where])
            case 5:
                del owner[key]
            case 6 if isinstance(owner, list):
                owner.append(copy.deepcopy(here))
            case _:
                owner[key] = draw(numbers)
    return found


def written(value: Any) -> st.SearchStrategy[bytes]:
    """The text of a JSON value with such changes."""
    return _changed(value).map(lambda found: json.dumps(found).encode())


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each entry: what it is in, and where."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        yield value, key
        yield from _places(entry)
