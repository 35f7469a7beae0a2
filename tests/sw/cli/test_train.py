"""`gatewright train`: figures of validation and test, kept, and what it refuses."""

import json

import pytest

from gatewright.models.baselines import Ease


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))


def test_a_system_is_trained_once_and_asked_for_both_parts(gatewright, small_movielens, tmp_path, monkeypatch):
    arguments = ("train", "--system", "ease", "--option", "regularisation=30", "--data", small_movielens)
    first = gatewright(*arguments, "--json", tmp_path / "first.json")
    assert first.code == 0
    assert "EASE, full ranking" in first.out
    told = json.loads((tmp_path / "first.json").read_text())
    assert (told["system"], told["options"]) == ("EASE", {"regularisation": 30.0})
    assert told["validation"]["ndcg"] != told["test"]["ndcg"]
    for part in ("validation", "test"):
        found = told[part]["ndcg"]
        assert found["interval"]["low"] <= found["mean"] <= found["interval"]["high"]
        assert found["interval"]["users"] == told[part]["users"] == 24
    with monkeypatch.context() as patch:
        patch.setattr(Ease, "fit", pytest.fail)
        again = gatewright(*arguments, "--json", "-")
    assert json.loads(again.out) == told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--system", "gnn"], "system is 'gnn', allowed: popularity; ItemKNN"),
        (["--system", "EASE", "--option", "depth=3"], "option of EASE is 'depth=3', allowed: regularisation=400.0"),
        (["--option", "width=wide"], "option width of hybrid is 'wide', allowed: whole numbers"),
        (["--system", "EASE", "--option", "regularisation=0"], "regularisation of EASE must lie above 0, got 0.0"),
        (["--seed", "-1"], "--seed"),
        (["--data", "/no/such/folder"], "/no/such/folder"),
        (["--json", "/no/such/folder/x.json"], "--json /no/such/folder/x.json"),
    ],
)
def test_bad_input_is_one_line(gatewright, arguments, message):
    finished = gatewright("train", *arguments)
    assert finished.code == 2
    assert message in finished.err
    assert finished.err.splitlines()[-1].startswith("error: ")
