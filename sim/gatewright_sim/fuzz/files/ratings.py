"""The target: ratings, in each form that MovieLens is published in."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import strategies as st

from gatewright.models.data import load_movielens
from gatewright_sim.fuzz.files.edits import damaged
from gatewright_sim.fuzz.target import Finding, Target

__all__ = ["Ratings"]

_ROWS = b"1,1,4.0,964982703\n1,2,0.5,964981247\n1,7,3.5,9.64981999e8\n3,7,5.0,1\n3.0,1,1.0,2\n"
_FLAGS = b"0|" * 18 + b"1\n"
_FORMS = {
    "csv": (
        ("movies.csv", b'movieId,title,genres\n1,"A, B (1999)",Drama|War\n2,C (2000),Comedy\n7,D,(no genres listed)\n'),
        ("ratings.csv", b"userId,movieId,rating,timestamp\n" + _ROWS),
    ),
    "dat": (
        ("movies.dat", b"1::\xc9 (1999)::Drama|War\n2::C (2000)::Comedy\n7::D (2000)::War\n"),
        ("ratings.dat", _ROWS.replace(b",", b"::")),
    ),
    "100k": (
        ("u.item", b"".join(movie + b"|x|||" + _FLAGS for movie in (b"1|\xc9 (1999)", b"2|C (2000)", b"7|D (2000)"))),
        ("u.data", _ROWS.replace(b",", b"\t")),
    ),
    "recbole": (
        (
            "ml.item",
            b"item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
            b"1\tA\t1999\tDrama War\n2\tC\t2000\tComedy\n7\tD\tV\t\n",
        ),
        (
            "ml.inter",
            b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + _ROWS.replace(b",", b"\t"),
        ),
    ),
}
_BETWEEN = b"\n====\n"
_SEPARATORS = {"csv": b",", "dat": b"::", "100k": b"\t", "recbole": b"\t"}
_NUMBERS = (b"0", b"-1", b"1e9", b"2.0", b"1.5", b"nan", b"inf", b"9223372036854775808", b" 1", b"1_0")
_CELLS = (*_NUMBERS, b"", b'"', b'"1', b"1\r2", b"\xff", b"\x85", b"\0")


class Ratings(Target):
    """A folder of two files is refused or its ratings are consistent.

    A case is the form and the files, one after the other with a line between.
    """

    name = "ratings"
    suffix = ".txt"

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self._folder = Path(self._temporary.name)

    def cases(self) -> st.SearchStrategy[bytes]:
        return _tables()

    def run(self, case: bytes) -> str:
        form, *tables = case.split(_BETWEEN, 2)
        for (name, _), table in zip(_FORMS[form.decode()], tables, strict=True):
            (self._folder / name).write_bytes(table)
        try:
            found = load_movielens(self._folder)
        finally:
            for path in self._folder.iterdir():
                path.unlink()
        sizes = {len(each) for each in (found.users, found.items, found.ratings, found.timestamps)}
        if len(sizes) != 1 or not (found.items.min() >= 0 and found.items.max() < found.n_items == len(found.titles)):
            raise Finding("ratings that do not fit", f"{sizes}, {found.n_items} movies")
        if not 0 <= found.users.min() <= found.users.max() < found.n_users:
            raise Finding("users that do not fit", f"{found.users}, {found.n_users} users")
        if not (found.ratings.min() >= 0.5 and found.ratings.max() <= 5):
            raise Finding("stars outside their range", f"{found.ratings}")
        return "loads"


@st.composite
def _tables(draw: st.DrawFn) -> bytes:
    """Cells, lines or bytes of one of them are others."""
    form = draw(st.sampled_from(sorted(_FORMS)))
    tables = [table for _, table in _FORMS[form]]
    which = draw(st.integers(0, 1))
    separator = b"|" if form == "100k" and which == 0 else _SEPARATORS[form]
    if draw(st.booleans()):
        tables[which] = draw(damaged(tables[which]))
    for _ in range(draw(st.integers(0, 2))):
        lines = [line.split(separator) for line in tables[which].split(b"\n")]
        line = lines[draw(st.integers(0, len(lines) - 1))]
        line[draw(st.integers(0, len(line) - 1))] = draw(st.sampled_from(_CELLS))
        tables[which] = b"\n".join(separator.join(cells) for cells in lines)
    return _BETWEEN.join([form.encode(), *tables])
