"""Tables of numbers: blocks that numpy reads, and blocks that it does not, say and give what rows do."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.models.data import ratings
from gatewright.models.data.ratings import read_numbers
from gatewright.models.data.tables import Layout
from gatewright.models.data.values import STARS, WHOLE, listed
from gatewright.recommender.errors import DataError

CSV = Layout(",", quoted=True)
LAYOUTS = [CSV, Layout("::", names=("id", "movie", "stars")), Layout("\t", names=("id", "movie", "stars"))]
KINDS = {"id": WHOLE, "movie": listed({1, 2, 2**60}, "movies"), "stars": STARS}
IDS = [
    "1", "2", "7", " 7", "7 ", "\t7", "\v7", "+7", "-0", "07", "7.", ".0", "7.0", "70e-1", "1e3", "1E3", "1_0", "1e400",
    "", "x", "0x7", "-1", "1.5", "nan", "Infinity", str(2**53 - 1), str(2**53), str(2**53 + 1), f"{2**53}.0",
    str(2**63 - 1), str(2**63), "٣", "\u00a07", "7\r", "7\r8", "1j", "True", "#7", "7#", '"7"', '"7', "1d3",
    "1,7", "1::7",
]  # fmt: skip
STAR = ["4", "0.5", "5.0", "5.0000001", "4.25", " 4", "5e-1", ".5", "4_0", "0_1", "nan", "-inf", "", "4f", '"4"']
CELL = st.one_of(st.just("1"), st.sampled_from(IDS))
ROW = st.one_of(
    st.tuples(st.sampled_from(["1", "7", "3.0"]), st.sampled_from(["1", "2.0"]), st.sampled_from(["4", "0.5"])),
    st.tuples(CELL, st.sampled_from(["1", "2", "3", str(2**60), "1e0", "x"]), st.sampled_from(STAR)),
    st.lists(st.sampled_from(["1", "2", ""]), max_size=5),
)


def _outcome(path, layout):
    try:
        return [(column.dtype, column.tolist()) for column in read_numbers(path, layout, KINDS)]
    except DataError as error:
        return str(error)


@given(
    st.sampled_from(LAYOUTS), st.lists(ROW, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans(),
    st.integers(1, 40),
)  # fmt: skip
@settings(deadline=None, max_examples=400)
def test_blocks_are_what_rows_are(tmp_path_factory, layout, rows, end, ended, size):
    """Whatever the cells, and wherever a block ends."""
    path = tmp_path_factory.getbasetemp() / "numbers"
    lines = [layout.separator.join(row) for row in rows]
    if layout is CSV:
        lines = ["id,movie,stars", *lines]
    path.write_bytes((end.join(lines) + end * ended).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ratings, "BLOCK_BYTES", size)
        patch.setattr(ratings, "BLOCK_ROWS", 2)
        by_block = _outcome(path, layout)
        patch.setattr(ratings, "_plain_numbers", lambda block, layout: None)
        assert by_block == _outcome(path, layout)


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(ratings, "BLOCK_BYTES", 64)


def _table(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["id,movie,stars", *rows]) + "\n")
    return path


def test_numpy_reads_what_is_plain(tmp_path, small_blocks, monkeypatch):
    path = _table(tmp_path / "ratings.csv", [f"{user}.0,{1 + user % 2},3.5" for user in range(100)])
    monkeypatch.delattr(ratings, "parse_row")
    users, movies, stars = read_numbers(path, CSV, KINDS)
    assert users.tolist() == list(range(100))
    assert (movies.dtype, stars.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("line", [2, 3, 50, 100, 101])
def test_the_line_of_a_fault_is_exact_in_every_block(tmp_path, small_blocks, line):
    rows = [f"{user},1,4" for user in range(100)]
    rows[line - 2] = "x,1,4"
    with pytest.raises(DataError, match=rf"ratings\.csv, line {line}: id 'x'"):
        read_numbers(_table(tmp_path / "ratings.csv", rows), CSV, KINDS)


def test_blank_lines_count_as_lines(tmp_path, small_blocks):
    path = _table(tmp_path / "ratings.csv", [*["", "1,1,4", ""] * 50, "1,1,9"])
    with pytest.raises(DataError, match=r"line 152: stars 9 is outside"):
        read_numbers(path, CSV, KINDS)


def test_what_is_quoted_may_go_on_in_the_next_block(tmp_path, small_blocks):
    path = tmp_path / "ratings.csv"
    note = "\n".join(["a long note, of many lines"] * 20)
    path.write_text('id,note,movie,stars\n1,"",1,4\n' + f'2,"{note}",2,5\n' + "3,,1,1\n" * 30)
    users, movies, stars = read_numbers(path, CSV, KINDS)
    assert (users[:3].tolist(), movies[:3].tolist(), stars[:3].tolist()) == ([1, 2, 3], [1, 2, 1], [4, 5, 1])
    assert len(users) == 32
    path.write_text(path.read_text() + "x,,1,1\n")
    with pytest.raises(DataError, match=r"line 53: id 'x'"):
        read_numbers(path, CSV, KINDS)
