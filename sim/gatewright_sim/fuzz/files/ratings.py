"""The target: ratings as CSV."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import strategies as st

from gatewright.models.data import load_movielens
from gatewright_sim.fuzz.files.edits import damaged
from gatewright_sim.fuzz.target import Finding, Target

__all__ = ["Ratings"]

_MOVIES = b'movieId,title,genres\n1,"A, B (1999)",Drama|War\n2,C (2000),Comedy\n7,D,(no genres listed)\n'
_RATINGS = (
    b"userId,movieId,rating,timestamp\n1,1,4.0,964982703\n1,2,0.5,964981247\n1,7,3.5,964981999\n3,7,5.0,1\n3,1,1.0,2\n"
)
_NUMBERS = (b"0", b"-1", b"1e9", b"nan", b"inf", b"9223372036854775808", b" 1", b"1_0")
_CELLS = (*_NUMBERS, b"", b'"', b'"1', b"1\r2", b"\xff", b"\0")


class Ratings(Target):
    """A folder of two files, one after the other with a line between, is refused or its ratings are consistent."""

    name = "csv"
    suffix = ".csv"

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self._folder = Path(self._temporary.name)

    def cases(self) -> st.SearchStrategy[bytes]:
        return _tables()

    def run(self, case: bytes) -> str:
        movies, _, ratings = case.partition(_BETWEEN)
        (self._folder / "movies.csv").write_bytes(movies)
        (self._folder / "ratings.csv").write_bytes(ratings)
        found = load_movielens(self._folder)
        sizes = {len(each) for each in (found.users, found.items, found.ratings, found.timestamps)}
        if len(sizes) != 1 or not (found.items.min() >= 0 and found.items.max() < found.n_items == len(found.titles)):
            raise Finding("ratings that do not fit", f"{sizes}, {found.n_items} movies")
        if not 0 <= found.users.min() <= found.users.max() < found.n_users:
            raise Finding("users that do not fit", f"{found.users}, {found.n_users} users")
        if not (found.ratings.min() >= 0.5 and found.ratings.max() <= 5):
            raise Finding("stars outside their range", f"{found.ratings}")
        return "loads"


_BETWEEN = b"\n====\n"


@st.composite
def _tables(draw: st.DrawFn) -> bytes:
    """Cells, lines or bytes of one of them are others."""
    tables = [_MOVIES, _RATINGS]
    which = draw(st.integers(0, 1))
    if draw(st.booleans()):
        tables[which] = draw(damaged(tables[which]))
    for _ in range(draw(st.integers(0, 2))):
        lines = [line.split(b",") for line in tables[which].split(b"\n")]
        line = lines[draw(st.integers(0, len(lines) - 1))]
        line[draw(st.integers(0, len(line) - 1))] = draw(st.sampled_from(_CELLS))
        tables[which] = b"\n".join(b",".join(cells) for cells in lines)
    return _BETWEEN.join(tables)
