"""Bugs are seeded in one place, for a while, and never in none."""

import pytest

from gatewright_hw.parts import stream_register
from gatewright_hw.parts.stream_register import StreamRegister
from gatewright_sim.formal.campaign import from_outside
from gatewright_sim.formal.catalogue import GROUPS
from gatewright_sim.formal.proof import Bug, Proof
from gatewright_sim.formal.seeded import SeedError, seeded

PROOFS = [proof for proofs in GROUPS.values() for proof in proofs]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_every_bug_changes_what_is_proven(proof: Proof) -> None:
    sound = from_outside(proof)
    for bug in proof.bugs:
        with seeded(bug):
            assert from_outside(proof) != sound, bug.what
    assert from_outside(proof) == sound


def test_methods_come_back_after_a_failure() -> None:
    method = StreamRegister.elaborate
    bug = Bug("never ready", stream_register, "self.i.ready.eq(~spare_valid)", "self.i.ready.eq(0)")
    with pytest.raises(ZeroDivisionError), seeded(bug):
        assert 1 / (StreamRegister.elaborate is method)
    assert StreamRegister.elaborate is method


@pytest.mark.parametrize(("before", "places"), [("no such thing", 0), ("spare_valid", 6)])
def test_a_place_that_is_not_there_once_is_refused(before: str, places: int) -> None:
    with pytest.raises(SeedError, match=f"stands {places} times in gatewright_hw.parts.stream_register"):
        seeded(Bug("", stream_register, before, "")).__enter__()
