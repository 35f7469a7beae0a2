"""MovieLens data: the packaged table, CSV directories, and every way that CSV can be wrong."""

import numpy as np
import pytest

from gatewright.models.data import load_movielens
from gatewright.models.train import train_or_load
from gatewright.recommender.errors import DataError, UnknownUserError

MOVIES = """movieId,title,genres
10,"Matrix, The (1999)",Action|Sci-Fi
20,Heat (1995),Crime
30,Babe (1995),(no genres listed)
"""
RATINGS = """userId,movieId,rating,timestamp
7,20,4.0,300
7,10,5.0,100
3,30,0.5,50
7,30,3.5,200
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "movies.csv").write_text(MOVIES)
    (tmp_path / "ratings.csv").write_text(RATINGS)
    return tmp_path


def test_packaged_data_is_movielens():
    data = load_movielens()
    assert (data.n_users, data.n_items, len(data.ratings)) == (671, 9066, 100004)
    toy_story = np.flatnonzero(data.movie_ids == 1)[0]
    assert data.titles[toy_story] == "Toy Story (1995)"
    assert "Animation" in data.genres[toy_story]
    assert (np.diff(data.users) >= 0).all()
    assert (np.diff(data.timestamps)[np.diff(data.users) == 0] >= 0).all()


def test_directory_gives_index_arrays_in_time_order(folder):
    data = load_movielens(folder)
    assert data.user_ids.tolist() == [3, 7]
    assert data.movie_ids.tolist() == [10, 20, 30]
    assert data.titles == ("Matrix, The (1999)", "Heat (1995)", "Babe (1995)")
    assert data.genres == ("Action|Sci-Fi", "Crime", "(no genres listed)")
    assert data.users.tolist() == [0, 1, 1, 1]
    assert data.items.tolist() == [2, 0, 2, 1]
    assert data.ratings.tolist() == [0.5, 5.0, 3.5, 4.0]
    assert data.user_ptr.tolist() == [0, 1, 4]
    assert data.age_from_end().tolist() == [0, 2, 1, 0]
    assert data.user_index(7) == 1


def test_extra_columns_order_blank_lines_and_byte_order_mark_do_not_matter(folder):
    (folder / "ratings.csv").write_text(
        "\ufefftimestamp,note,rating,movieId,userId\n100,a,5.0,10,7\n\n200,b,3.5,30,7\n300,c,4.0,20,7\n50,d,0.5,30,3\n"
    )
    other = load_movielens(folder)
    (folder / "ratings.csv").write_text(RATINGS)
    assert other.fingerprint == load_movielens(folder).fingerprint


def test_the_latest_of_several_ratings_of_a_movie_counts(folder):
    (folder / "ratings.csv").write_text(RATINGS + "7,10,1.0,400\n")
    data = load_movielens(folder)
    assert data.items.tolist() == [2, 2, 1, 0]
    assert data.ratings[-1] == 1.0


def test_fingerprint_sees_every_field(folder):
    before = load_movielens(folder).fingerprint
    (folder / "ratings.csv").write_text(RATINGS.replace("3.5,200", "3.0,200"))
    changed = load_movielens(folder).fingerprint
    (folder / "ratings.csv").write_text(RATINGS)
    (folder / "movies.csv").write_text(MOVIES.replace("Babe", "Babe 2"))
    assert len({before, changed, load_movielens(folder).fingerprint}) == 3


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("ratings.csv", "rating,", "stars,", r"ratings\.csv has no column rating"),
        ("movies.csv", "genres", "kind", r"movies\.csv has no column genres"),
        ("ratings.csv", "3,30,0.5,50", "3,30,0.5", r"ratings\.csv, line 4: 3 fields where the header has 4"),
        ("ratings.csv", "7,10,5.0,100", "seven,10,5.0,100", r"ratings\.csv, line 3: .*seven"),
        ("ratings.csv", "7,10,5.0,100", "7,10,9.0,100", r"line 3: rating 9\.0 is outside 0\.5 to 5"),
        ("ratings.csv", "7,10,5.0,100", "7,10,nan,100", r"line 3: rating nan is outside"),
        ("ratings.csv", "7,10,5.0,100", "7,10,0.1,100", r"line 3: rating 0\.1 is outside 0\.5 to 5"),
        ("ratings.csv", "7,10,5.0,100", "7,10,many,100", r"line 3: rating 'many' is not a number from 0\.5 to 5"),
        (
            "ratings.csv",
            "7,10,5",
            f"{2**63},10,5",
            rf"line 3: userId '{2**63}' is not a whole number from 0 to {2**63 - 1}",
        ),
        ("ratings.csv", "5.0,100", f"5.0,{2**63}", rf"line 3: timestamp '{2**63}' is not a whole number"),
        ("ratings.csv", "7,10,5", "-7,10,5", r"line 3: userId '-7' is not a whole number from 0"),
        ("ratings.csv", "7,10,5", "9" * 140_000 + ",10,5", r"ratings\.csv, line 3: malformed CSV, field larger"),
        ("ratings.csv", "7,10,5", "7\0,10,5", r"ratings\.csv, line 3: a NUL byte"),
        ("movies.csv", "20,Heat", f"{2**64},Heat", rf"movies\.csv, line 3: movieId '{2**64}' is not a whole number"),
        ("movies.csv", "Heat", "H" * 140_000, r"movies\.csv, line 3: malformed CSV, field larger"),
        ("movies.csv", "Heat", "He\0at", r"movies\.csv, line 3: a NUL byte"),
        ("movies.csv", "Heat (1995)", " ", r"movies\.csv, line 3: title is blank"),
        ("movies.csv", "20,Heat", "10,Heat", r"movies\.csv, line 3: movie 10 stands before with another title"),
        ("movies.csv", "30,Babe", '30,"Babe', r"movies\.csv, line 4: malformed CSV, unexpected end of data"),
        ("ratings.csv", "3,30,0.5", "3,31,0.5", r"ratings\.csv, line 4: movieId 31 is not listed in movies\.csv"),
        ("movies.csv", "20,Heat", ",Heat", r"movies\.csv, line 3"),
    ],
)
def test_malformed_file_is_named(folder, file, old, new, message):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    with pytest.raises(DataError, match=message):
        load_movielens(folder)


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv"])
def test_bytes_that_are_not_utf8_are_named(folder, file):
    lines = (folder / file).read_bytes().splitlines(keepends=True)
    (folder / file).write_bytes(b"".join([*lines[:2], lines[2].replace(b",", b",\xe9", 1), *lines[3:]]))
    with pytest.raises(DataError, match=rf"{file}, line 3: byte 0xe9 is not valid"):
        load_movielens(folder)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("7,10,5.0,100\n", "users 1, rated movies 1, ratings 1, at most 1 by one user"),
        ("7,10,5,1\n7,20,5,2\n7,30,5,3\n", "users 1, rated movies 3, ratings 3, at most 3"),
        ("7,10,5,1\n7,20,5,2\n8,10,5,1\n8,30,5,2\n", "users 2, rated movies 3, ratings 4, at most 2"),
        ("7,10,5,1\n7,20,5,2\n7,10,5,3\n8,10,5,1\n", "users 2, rated movies 2, ratings 3, at most 2"),
    ],
    ids=["one rating", "one user", "nothing to predict", "a movie rated twice"],
)
def test_too_little_to_train_on_says_what_is_needed(folder, rows, found):
    (folder / "ratings.csv").write_text(RATINGS.splitlines()[0] + "\n" + rows)
    with pytest.raises(DataError, match="needs at least 2 users, 3 rated movies and 4 ratings, 3 of them") as caught:
        load_movielens(folder)
    assert found in str(caught.value)


def test_the_least_data_allowed_trains(folder, small_options, tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    trained = train_or_load(load_movielens(folder), small_options)
    assert {quality.users for quality in trained.quality.values()} == {1}
    assert np.isfinite(trained.reference().request(0)).all()


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv"])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_text(path.read_text().splitlines()[0] + "\n"), "has a header but no rows"),
        (lambda path: path.write_text("\n"), "is empty"),
        (lambda path: path.write_text(""), "is empty"),
        (lambda path: path.unlink(), "does not exist"),
    ],
    ids=["header", "blank line", "nothing", "missing"],
)
def test_missing_and_empty_files_are_named(folder, file, spoil, message):
    spoil(folder / file)
    with pytest.raises(DataError, match=rf"{file} {message}"):
        load_movielens(folder)


def test_missing_directory_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere does not exist or is not a directory"):
        load_movielens(tmp_path / "nowhere")


@pytest.mark.parametrize("user", [0, 5, 8, 10**12])
def test_unknown_user_says_what_is_known(folder, user):
    with pytest.raises(UnknownUserError, match=f"unknown user {user}: the data has 2 users, with ids from 3 to 7"):
        load_movielens(folder).user_index(user)


def test_hold_out_takes_the_latest_and_never_the_only_rating(folder):
    train, held = load_movielens(folder).hold_out_latest(0.1)
    assert held.items.tolist() == [1]
    assert train.items.tolist() == [2, 0, 2]
    assert train.user_ptr.tolist() == [0, 1, 3]
    assert held.user_ptr.tolist() == [0, 0, 1]


def test_subset_keeps_users_and_their_movies():
    data = load_movielens()
    part = data.subset(3)
    assert part.n_users == 3
    mask = data.users < 3
    assert np.array_equal(part.movie_ids[part.items], data.movie_ids[data.items[mask]])
    assert set(part.titles) <= set(data.titles)
    assert part.n_items == len(np.unique(data.items[mask]))
