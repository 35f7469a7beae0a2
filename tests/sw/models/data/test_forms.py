"""Every form of MovieLens: the same ratings in each are the same data, and damage is said by its line."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatewright.models.data import load_movielens
from gatewright.models.data.forms import find_form
from gatewright.models.data.movies import GENRES_100K
from gatewright.recommender.errors import DataError

TITLES = {10: ("Matrix, The (1999)", "Action|Sci-Fi"), 20: ("Café (1995)", "Crime"), 30: ("Babe (1995)", "")}
ROWS = [(7, 20, 4.0, 300), (7, 10, 5.0, 100), (3, 30, 0.5, 50), (7, 30, 3.5, 200)]
NO_GENRES = "(no genres listed)"


def _quoted(text):
    return '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True)
class Written:
    """How one form is written: names of its files, what is between fields, its header lines and names of columns."""

    ratings: str
    movies: str
    between: str
    heads: tuple[str, str]
    columns: tuple[str, str, str, str]
    title: str
    encoding: str = "utf-8"

    def movie(self, movie, title, genres):
        if self.ratings == "ratings.csv":
            return [str(movie), _quoted(title), genres or NO_GENRES]
        if self.ratings == "ratings.dat":
            return [str(movie), title, genres or NO_GENRES]
        if self.ratings == "u.data":
            flags = [str(int(name in genres.split("|"))) for name in GENRES_100K[1:]]
            return [str(movie), title, "01-Jan-1995", "", "http://there", str(int(not genres)), *flags]
        return [str(movie), title[:-7], title[-5:-1], genres.replace("|", " ")]

    def write(self, folder, rows, titles, end="\n", mark=b"", number=str):
        """The files as they are published; other ends of lines, byte order mark and numbers where asked for."""
        lines = [[number(user), number(movie), str(stars), number(time)] for user, movie, stars, time in rows]
        tables = (lines, [self.movie(movie, *texts) for movie, texts in titles.items()])
        for name, head, table in zip((self.ratings, self.movies), self.heads, tables, strict=True):
            text = [head] * bool(head) + [self.between_of(name).join(row) for row in table]
            (folder / name).write_bytes(mark + "".join(line + end for line in text).encode(self.encoding))

    def between_of(self, name):
        return "|" if name == "u.item" else self.between


DAT = ("UserID", "MovieID", "Rating", "Timestamp")
FORMS = {
    "CSV": Written(
        "ratings.csv", "movies.csv", ",", ("userId,movieId,rating,timestamp", "movieId,title,genres"),
        ("userId", "movieId", "rating", "timestamp"), "title",
    ),
    "1M": Written("ratings.dat", "movies.dat", "::", ("", ""), DAT, "Title", "latin-1"),
    "10M": Written("ratings.dat", "movies.dat", "::", ("", ""), DAT, "Title"),
    "100K": Written(
        "u.data", "u.item", "\t", ("", ""), ("user id", "item id", "rating", "timestamp"), "movie title", "latin-1"
    ),
    "RecBole": Written(
        "ml.inter", "ml.item", "\t",
        (
            "user_id:token\titem_id:token\trating:float\ttimestamp:float",
            "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq",
        ),
        ("user_id", "item_id", "rating", "timestamp"), "movie_title",
    ),
}  # fmt: skip


@pytest.fixture(params=FORMS)
def form(request, tmp_path):
    FORMS[request.param].write(tmp_path, ROWS, TITLES)
    return FORMS[request.param]


def test_each_form_gives_index_arrays_in_time_order(form, tmp_path):
    data = load_movielens(tmp_path)
    assert data.user_ids.tolist() == [3, 7]
    assert data.movie_ids.tolist() == [10, 20, 30]
    assert data.titles == ("Matrix, The (1999)", "Café (1995)", "Babe (1995)")
    assert data.genres == ("Action|Sci-Fi", "Crime", NO_GENRES)
    assert data.users.tolist() == [0, 1, 1, 1]
    assert data.items.tolist() == [2, 0, 2, 1]
    assert data.ratings.tolist() == [0.5, 5.0, 3.5, 4.0]
    assert data.timestamps.tolist() == [50, 100, 200, 300]


IDS = st.integers(0, 2**53 - 1)
TITLE = st.text("aé Á\",'&-", min_size=1, max_size=8).map(str.strip).filter(bool)
GENRES = st.sets(st.sampled_from(GENRES_100K[1:]), max_size=3)


@st.composite
def _ratings(draw):
    """Rows that are enough to load, and the movies in them."""
    movies = draw(st.lists(IDS, min_size=3, max_size=6, unique=True))
    users = draw(st.lists(IDS, min_size=2, max_size=4, unique=True))
    pairs = {(users[0], movie) for movie in movies[:3]} | {(users[1], movies[0])}
    pairs |= draw(st.sets(st.tuples(st.sampled_from(users), st.sampled_from(movies)), max_size=12))
    rows = [(user, movie, draw(st.integers(1, 10)) / 2, draw(st.integers(0, 10**10))) for user, movie in sorted(pairs)]
    titles = {}
    for movie in movies:
        genres = sorted(draw(GENRES), key=GENRES_100K.index)
        titles[movie] = (f"{draw(TITLE)} ({draw(st.integers(1900, 2030))})", "|".join(genres))
    return draw(st.permutations(rows)), titles


@given(
    _ratings(),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from([str, lambda number: repr(float(number))]),
)
@settings(deadline=None, max_examples=40)
def test_the_same_ratings_are_the_same_data_in_every_form(tmp_path_factory, ratings, end, marked, number):
    found = set()
    for form in FORMS.values():
        folder = tmp_path_factory.mktemp("form")
        mark = b"\xef\xbb\xbf" if marked and form.encoding == "utf-8" else b""
        form.write(folder, *ratings, end, mark, number)
        found.add(load_movielens(folder).fingerprint)
    assert len(found) == 1


BEYOND = str(2**63)
CELLS = {
    "not a number": (0, "seven", "'seven' is not a whole number from 0 to"),
    "a token": (1, "tt0133093", "'tt0133093' is not a whole number"),
    "nothing": (0, "", "'' is not a whole number"),
    "below zero": (0, "-7", "'-7' is not a whole number from 0"),
    "float below zero": (0, "-7.0", "'-7.0' is not a whole number from 0"),
    "a fraction": (1, "10.5", "'10.5' is not a whole number"),
    "beyond 63 bits": (0, BEYOND, f"'{BEYOND}' is not a whole number from 0 to {2**63 - 1}"),
    "float beyond 53 bits": (0, "9007199254740993.0", "'9007199254740993.0' is not exact"),
    "infinite id": (0, "inf", "'inf' is not a whole number"),
    "id that is NaN": (1, "nan", "'nan' is not a whole number"),
    "underscore": (0, "7_0", "'7_0' is not a whole number"),
    "unknown movie": (1, "31", "31 is not listed in "),
    "many stars": (2, "5.5", "5.5 is outside 0.5 to 5"),
    "few stars": (2, "0.4", "0.4 is outside 0.5 to 5"),
    "no stars": (2, "", "'' is not a number from 0.5 to 5"),
    "stars that are NaN": (2, "NaN", "NaN is outside"),
    "infinite stars": (2, "inf", "inf is outside"),
    "time that is a word": (3, "now", "'now' is not a whole number"),
    "time with a fraction": (3, "9.5", "'9.5' is not a whole number"),
    "time beyond 63 bits": (3, BEYOND, f"'{BEYOND}' is not a whole number"),
}


def _change(path, line, change):
    """The line, counted from 1, with other bytes."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[: line - 1], change(lines[line - 1]), *lines[line:]]))


@pytest.mark.parametrize("damage", CELLS)
def test_a_cell_that_is_wrong_is_said_with_file_line_and_column(form, damage, tmp_path):
    column, text, message = CELLS[damage]
    line = 3 + bool(form.heads[0])
    cells = ["3", "30", "0.5", "50"]
    cells[column] = text
    _change(tmp_path / form.ratings, line, lambda _: (form.between.join(cells) + "\n").encode())
    with pytest.raises(DataError) as caught:
        load_movielens(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / form.ratings}, line {line}: {form.columns[column]} {message}")


ROW_DAMAGE = {
    "short": (lambda line, between: line.rpartition(between)[0] + b"\n", "3 fields where"),
    "long": (lambda line, between: line.rstrip() + between + b"1\n", "5 fields where"),
    "NUL": (lambda line, between: b"\0" + line, "a NUL byte"),
    "not UTF-8": (lambda line, between: b"\xff" + line, "byte 0xff is not valid, the file must be in UTF-8"),
    "not ASCII": (lambda line, between: "\u00bd".encode() + line, "'½"),
}


@pytest.mark.parametrize("damage", ROW_DAMAGE)
def test_a_row_that_is_wrong_is_said_with_file_and_line(form, damage, tmp_path):
    change, message = ROW_DAMAGE[damage]
    line = 2 + bool(form.heads[0])
    _change(tmp_path / form.ratings, line, lambda row: change(row, form.between.encode()))
    with pytest.raises(DataError) as caught:
        load_movielens(tmp_path)
    assert f"{form.ratings}, line {line}: " in str(caught.value)
    assert message in str(caught.value)


def _with(form, column, text):
    def change(line):
        between = form.between_of(form.movies).encode()
        cells = line.rstrip(b"\n").split(between)
        cells[column] = text.encode()
        return between.join(cells) + b"\n"

    return change


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        (1, "  ", "{title} is blank, a movie needs a name"),
        (0, "x", "'x' is not a whole number"),
        (0, "-1", "'-1' is not a whole number"),
        (0, BEYOND, "is not a whole number from 0"),
        (0, "10", "movie 10 stands before with another title or other genres"),
    ],
    ids=["blank title", "no id", "below zero", "beyond 63 bits", "twice"],
)
def test_a_movie_that_is_wrong_is_said_with_its_line(form, column, text, message, tmp_path):
    line = 2 + bool(form.heads[1])
    if form.ratings == "ratings.csv" and column == 0:
        _change(tmp_path / form.movies, line, lambda row: text.encode() + row[2:])
    else:
        _change(tmp_path / form.movies, line, _with(form, column, text))
    with pytest.raises(DataError) as caught:
        load_movielens(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / form.movies}, line {line}: ")
    assert message.format(title=form.title) in str(caught.value)


@pytest.mark.parametrize("which", ["ratings", "movies"])
@pytest.mark.parametrize("content", [b"", b"\n\r\n", b"\xef\xbb\xbf", None], ids=["nothing", "blank", "mark", "header"])
def test_files_without_a_row_are_named(form, which, content, tmp_path):
    head = form.heads[which == "movies"]
    path = tmp_path / getattr(form, which)
    path.write_bytes(head.encode() + b"\n" if content is None else content)
    with pytest.raises(DataError) as caught:
        load_movielens(tmp_path)
    expected = "has a header but no rows" if head and content is None else "is empty"
    assert str(caught.value) == f"{path} {expected}"


@pytest.mark.parametrize("which", ["ratings", "movies"])
def test_a_missing_file_is_named_with_the_forms_that_there_are(form, which, tmp_path):
    path = tmp_path / getattr(form, which)
    path.unlink()
    with pytest.raises(DataError) as caught:
        load_movielens(tmp_path)
    assert str(caught.value).startswith(f"{path} does not exist: a data directory holds ")
    for name in ("ratings.csv", "ratings.dat", "u.data", "NAME.inter"):
        assert name in str(caught.value)


def test_a_folder_with_nothing_of_it_says_which_forms_there_are(tmp_path):
    with pytest.raises(DataError, match=r"holds none of MovieLens' files: a data directory holds ratings\.csv and mov"):
        load_movielens(tmp_path)


def test_what_two_forms_lack_is_named(tmp_path):
    FORMS["CSV"].write(tmp_path, ROWS, TITLES)
    FORMS["100K"].write(tmp_path, ROWS, TITLES)
    (tmp_path / "movies.csv").unlink()
    (tmp_path / "u.data").unlink()
    with pytest.raises(DataError, match=r"movies\.csv does not exist, .*u\.data does not exist: "):
        load_movielens(tmp_path)


def test_two_forms_are_refused_and_half_of_another_does_no_harm(tmp_path):
    FORMS["CSV"].write(tmp_path, ROWS, TITLES)
    FORMS["RecBole"].write(tmp_path, ROWS, TITLES)
    with pytest.raises(DataError, match=r"ratings 2 times \(ratings\.csv and movies\.csv; ml\.inter and ml\.item\)"):
        load_movielens(tmp_path)
    (tmp_path / "ml.item").unlink()
    assert find_form(tmp_path).ratings.name == "ratings.csv"


def test_a_data_set_of_recbole_may_be_named_u(tmp_path):
    FORMS["RecBole"].write(tmp_path, ROWS, TITLES)
    for kind in ("inter", "item"):
        (tmp_path / f"ml.{kind}").rename(tmp_path / f"u.{kind}")
    assert find_form(tmp_path).form.releases == "RecBole"


def test_two_data_sets_of_recbole_are_refused(tmp_path):
    FORMS["RecBole"].write(tmp_path, ROWS, TITLES)
    for kind in ("inter", "item"):
        (tmp_path / f"other.{kind}").write_bytes((tmp_path / f"ml.{kind}").read_bytes())
    with pytest.raises(DataError, match="ratings 2 times"):
        load_movielens(tmp_path)
    (tmp_path / "other.inter").unlink()
    assert find_form(tmp_path).ratings.name == "ml.inter"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "rating:float",
            "stars:float",
            r"ml\.inter has no column rating: it needs user_id, item_id, rating, timestamp",
        ),
        ("user_id:token", "user:token", r"ml\.inter has no column user_id"),
        ("rating:float", "user_id:float", r"ml\.inter has column user_id 2 times, allowed: once"),
    ],
)
def test_recbole_names_its_columns(tmp_path, old, new, message):
    FORMS["RecBole"].write(tmp_path, ROWS, TITLES)
    path = tmp_path / "ml.inter"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        load_movielens(tmp_path)


@pytest.mark.parametrize(
    ("header", "cells", "title", "genres"),
    [
        ("release_year:token\tgenre:token_seq", ["Heat", "1995", "Action Crime"], "Heat (1995)", "Action|Crime"),
        ("release_year:float\tclass:token_seq", ["Heat", "1995.0", ""], "Heat (1995)", NO_GENRES),
        ("release_year:token\tclass:token_seq", ["unkonwn", "unkonwn", "unknown"], "unkonwn", NO_GENRES),
        ("release_year:token\tclass:token_seq", ["Three (1995)", "V", "Drama"], "Three (1995)", "Drama"),
        ("release_year:token\tclass:token_seq", ["Three (1995)", "1995", "Drama"], "Three (1995)", "Drama"),
        ("class:token_seq\tgenre:token_seq", ['"Heat" ', "Drama", NO_GENRES], '"Heat"', NO_GENRES),
        ("imdb:token\tnote:token", ["Heat", "1", "2"], "Heat", NO_GENRES),
    ],
)
def test_recboles_years_and_genres(tmp_path, header, cells, title, genres):
    FORMS["RecBole"].write(tmp_path, ROWS, TITLES)
    lines = [f"item_id:token\tmovie_title:token_seq\t{header}", *("\t".join([str(movie), *cells]) for movie in TITLES)]
    (tmp_path / "ml.item").write_text("\n".join(lines))
    data = load_movielens(tmp_path)
    assert (data.titles[0], data.genres[0]) == (title, genres)


def test_u_genre_names_the_flags(tmp_path):
    FORMS["100K"].write(tmp_path, ROWS, TITLES)
    names = ["unknown", "Deeds", *GENRES_100K[2:]]
    (tmp_path / "u.genre").write_text("".join(f"{name}|{number}\n" for number, name in enumerate(names)) + "\n")
    assert load_movielens(tmp_path).genres == ("Deeds|Sci-Fi", "Crime", NO_GENRES)
    assert {path.name for path in find_form(tmp_path).files} == {"u.data", "u.item", "u.genre"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unknown|0\nAction|2\n", r"u\.genre, line 2: number 2 where 1 comes next"),
        ("unknown|0\nAction|x\n", r"u\.genre, line 2: number 'x' is not a whole number"),
        ("unknown|0\nunknown|1\n", r"u\.genre, line 2: genre 'unknown' is blank, or stands twice"),
        ("unknown|0\n |1\n", r"u\.genre, line 2: genre ' ' is blank"),
        ("unknown|0\nAction\n", r"u\.genre, line 2: 1 fields where 2 are needed"),
        ("unknown|0\nAction|1\n", r"u\.item, line 1: 24 fields where 7 are needed"),
        ("", r"u\.genre is empty"),
    ],
)
def test_a_damaged_u_genre_is_named(tmp_path, text, message):
    FORMS["100K"].write(tmp_path, ROWS, TITLES)
    (tmp_path / "u.genre").write_text(text)
    with pytest.raises(DataError, match=message):
        load_movielens(tmp_path)


def test_a_flag_is_0_or_1(tmp_path):
    FORMS["100K"].write(tmp_path, ROWS, TITLES)
    _change(tmp_path / "u.item", 2, _with(FORMS["100K"], 6, "2"))
    with pytest.raises(DataError, match=r"u\.item, line 2: Action '2' is neither 0 nor 1"):
        load_movielens(tmp_path)


@pytest.mark.parametrize("name", ["1M", "100K"])
def test_titles_are_utf8_or_else_latin1_without_control_characters(name, tmp_path):
    FORMS[name].write(tmp_path, ROWS, TITLES)
    path = tmp_path / FORMS[name].movies
    path.write_bytes(path.read_bytes().decode("latin-1").encode())
    assert "Café (1995)" in load_movielens(tmp_path).titles
    path.write_bytes(path.read_bytes().replace(b"\xc3\xa9", b"\xe9\x80"))
    with pytest.raises(
        DataError, match=rf"{path.name}, line 2: byte 0x80, the file is neither in UTF-8 nor ISO-8859-1"
    ):
        load_movielens(tmp_path)


@pytest.mark.parametrize("name", ["CSV", "RecBole"])
def test_titles_of_other_forms_are_utf8(name, tmp_path):
    FORMS[name].write(tmp_path, ROWS, TITLES)
    path = tmp_path / FORMS[name].movies
    path.write_bytes(path.read_bytes().replace(b"\xc3\xa9", b"\xe9"))
    with pytest.raises(DataError, match=rf"{path.name}, line 3: byte 0xe9 is not valid, the file must be in UTF-8"):
        load_movielens(tmp_path)


def test_the_latest_of_several_ratings_of_a_movie_counts(form, tmp_path):
    form.write(tmp_path, [(7, 10, 1.0, 400), *ROWS], TITLES)
    data = load_movielens(tmp_path)
    assert data.items.tolist() == [2, 2, 1, 0]
    assert np.isclose(data.ratings[-1], 1)
