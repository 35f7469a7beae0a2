"""Every target on its corpus, and on some cases of a seed of their own."""

from pathlib import Path

import pytest

from gatewright_sim.fuzz.campaign import Tally, batch
from gatewright_sim.fuzz.catalogue import TARGETS
from gatewright_sim.fuzz.corpus import cases_of
from gatewright_sim.fuzz.target import Target, try_case

CORPUS = Path(__file__).parent / "corpus"
CASES = {
    "streams": 300,
    "programs": 60,
    "onnx": 60,
    "npz": 150,
    "ratings": 300,
    "bitstreams": 150,
    "manifests": 150,
    "wire": 200,
}
"""Drawn in every run of the tests."""


@pytest.fixture(scope="module", params=list(TARGETS))
def target(request: pytest.FixtureRequest) -> Target:
    return TARGETS[request.param]()


def test_what_once_found_something(target: Target) -> None:
    kept = {path.name for path in (CORPUS / target.name).glob("*")}
    tried = {name: try_case(target, case) for name, case in cases_of(target, CORPUS).items()}
    assert tried.keys() == kept, "a file of another suffix is no case"


def test_every_folder_of_the_corpus_is_of_a_target() -> None:
    folders = {folder.name for folder in CORPUS.iterdir()}
    assert folders
    assert folders <= TARGETS.keys()


def test_new_cases(target: Target, tmp_path: Path) -> None:
    tally = Tally(target.name)
    batch(target, tmp_path, 2026, CASES[target.name], tally)
    assert not tally.findings
    assert len(tally.outcomes) > 1
