"""Options of the commands of development: what is chosen, numbers, and refusals in one sentence."""

import os
from pathlib import Path

import pytest

from gatewright.options import OptionError, Options
from gatewright.outcome import outcome


def parser() -> Options:
    made = Options("some.command", "Does something.\n\nAnd more.")
    made.add_choice("thing", ("one", "two", "three"))
    made.add_out("place", "results")
    made.add_jobs("processes")
    made.add_seed("which are drawn")
    return made


def test_what_they_are_where_nothing_is_given() -> None:
    options = parser().parse_args([])
    assert vars(options) == {"thing": [], "out": Path("build/place"), "jobs": os.cpu_count(), "seed": 1}


def test_each_is_chosen_once_and_in_order() -> None:
    arguments = ["--thing", "two", "--thing=one", "--thing", "two"]
    assert parser().parse_args(arguments).thing == ["two", "one"]
    assert parser().parse_args([]).thing == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--thing", "four"], "argument --thing: unknown thing 'four', allowed: one, two, three"),
        (["--thing"], "argument --thing: expected one argument"),
        (["--jobs", "0"], "argument --jobs: '0' is given, allowed: whole numbers from 1 on"),
        (["--jobs", "few"], "argument --jobs: 'few' is given, allowed: whole numbers from 1 on"),
        (["--seed", "-1"], "argument --seed: '-1' is given, allowed: whole numbers from 0 on"),
        (["--things", "one"], "unrecognized arguments: --things one"),
        (["--thin", "one"], "unrecognized arguments: --thin one"),
        (["one"], "unrecognized arguments: one"),
    ],
)
def test_what_is_refused_is_one_sentence(arguments: list[str], message: str, capsys) -> None:
    with pytest.raises(OptionError):
        parser().parse_args(arguments)
    assert outcome(lambda: len(vars(parser().parse_args(arguments)))) == 2
    assert capsys.readouterr().err == f"error: {message} (python -m some.command --help)\n"


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(lambda: len(vars(parser().parse_args(["--help"])))) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Does something. options:" in said
    assert "--thing NAME this thing alone, and others by the same option: one, two, three (default: all)" in said
