"""Campaigns find, shrink, keep and count; the same seed draws the same cases."""

from pathlib import Path

import pytest

import fuzz_targets
from gatewright_sim.fuzz import limits
from gatewright_sim.fuzz.campaign import Tally, batch, replay
from gatewright_sim.fuzz.corpus import cases_of, keep
from gatewright_sim.fuzz.target import Finding, try_case


def test_a_sound_target_has_endings_and_no_findings(tmp_path: Path) -> None:
    tally = Tally("sound")
    assert batch(fuzz_targets.Sound(), tmp_path, 1, 100, tally) is None
    assert set(tally.outcomes) == {"right", "refused: SpecError"}
    assert (tally.cases, tally.findings, tally.kept) == (100, {}, [])


def test_a_finding_is_made_small_kept_once_and_replayed(tmp_path: Path) -> None:
    tally, target = Tally("faulty"), fuzz_targets.Faulty()
    case = batch(target, tmp_path, 1, 100, tally)
    assert case == bytes([101])
    (kind,) = tally.findings
    assert kind.startswith("KeyError")
    assert cases_of(target, tmp_path) == {tally.kept[0].name: case}
    assert batch(target, tmp_path, 2, 100, tally) is None  # known by now, and counted
    assert len(tally.kept) == 1
    again = Tally("faulty")
    replay(target, tmp_path, again)
    assert list(again.findings) == [kind]


def test_a_finding_that_does_not_come_again_is_kept_by_its_own_name(tmp_path: Path) -> None:
    tally = Tally("fickle")
    case = batch(fuzz_targets.Fickle(), tmp_path, 1, 100, tally)
    (kind,) = tally.findings
    assert kind.startswith("KeyError")
    assert list(cases_of(fuzz_targets.Fickle(), tmp_path).values()) == [case]


def test_the_same_seed_draws_the_same_cases(tmp_path: Path) -> None:
    drawn: dict[int, list[bytes]] = {}

    class Noting(fuzz_targets.Sound):
        def run(self, case: bytes) -> str:
            drawn[number].append(case)
            return "right"

    for number, first in ((1, True), (2, True), (1, False)):
        before = drawn.get(number)
        drawn[number] = []
        batch(Noting(), tmp_path, number, 30, Tally("noting"))
        assert first or drawn[number] == before
    assert drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("target", "kind"),
    [(fuzz_targets.Rambling, "SpecError of no single line"), (fuzz_targets.Busy, "TooSlow")],
    ids=["lines", "time"],
)
def test_what_counts_as_a_finding(monkeypatch: pytest.MonkeyPatch, target: type, kind: str) -> None:
    monkeypatch.setattr(limits, "MOST_SECONDS", 0.2)
    with pytest.raises(Finding) as caught:
        try_case(target(), b"")
    assert caught.value.kind.startswith(kind)


def test_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_BYTES", 1 << 20)
    with pytest.raises(limits.TooLarge), limits.bounded():
        b"x" * (400 << 20)


def test_names_of_kept_cases_say_what_they_found(tmp_path: Path) -> None:
    path = keep(fuzz_targets.Sound(), tmp_path, "KeyError in load.read: 'a/b'", b"x")
    assert path.name.startswith("keyerror-in-load-read-a-b-")
    assert path.parent == tmp_path / "sound"
