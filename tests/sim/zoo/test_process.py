"""A model that hangs or takes its process with it is an outcome like any other."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("threadpoolctl")

from gatewright_sim.zoo import process
from gatewright_sim.zoo.trial import Result
from zoo_work import by_name


@pytest.fixture(autouse=True)
def cold(monkeypatch):
    monkeypatch.setattr(process, "_WARM", ())


def test_each_ends_by_itself():
    names = ["ends", "dies", "too"]
    found = {each.name: each for each in process.outcomes(names, by_name, 120, 2)}
    assert {name: outcome.result for name, outcome in found.items()} == {
        "ends": Result.RIGHT,
        "dies": Result.CRASHED,
        "too": Result.RIGHT,
    }
    assert found["dies"].reason == "its process ended with 7"


def test_one_that_hangs_is_ended():
    (found,) = process.outcomes(["hangs"], by_name, 0.5, 1)
    assert (found.result, found.reason) == (Result.HUNG, "it has not ended after 0.5 s")


def test_a_run_that_is_stopped_waits_for_none():
    run = process.outcomes(["ends", "hangs", "hangs", "hangs"], by_name, 600, 2)
    assert next(run).name == "ends"
    run.close()
