"""The command line in process, and a small MovieLens folder cut from the real one."""

import csv
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gatewright.__main__ import main
from gatewright.models.data import load_movielens


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def gatewright(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Finished]:
    """Run the `gatewright` command with these arguments."""

    def run(*arguments: object) -> Finished:
        monkeypatch.setattr(sys, "argv", ["gatewright", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        captured = capsys.readouterr()
        return Finished(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def small_movielens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ratings.csv` and `movies.csv` of the first 24 real users."""
    folder = tmp_path_factory.mktemp("movielens")
    data = load_movielens().subset(24)
    with (folder / "ratings.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["userId", "movieId", "rating", "timestamp"])
        for user, item, rating, time in zip(data.users, data.items, data.ratings, data.timestamps, strict=True):
            writer.writerow([data.user_ids[user], data.movie_ids[item], float(rating), int(time)])
    with (folder / "movies.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["movieId", "title", "genres"])
        writer.writerows(zip(data.movie_ids, data.titles, data.genres, strict=True))
    return folder
