"""Proofs are found by name, and each says what it does not miss."""

import pytest

from gatewright.spec.errors import GatewrightError
from gatewright_sim.formal.catalogue import GROUPS, group_of, select

PROOFS = [proof for proofs in GROUPS.values() for proof in proofs]


def test_names_are_different() -> None:
    names = [*GROUPS, *(proof.name for proof in PROOFS)]
    assert len(names) == len(set(names))


def test_every_proof_has_a_bug_that_it_finds() -> None:
    assert [proof.name for proof in PROOFS if not proof.bugs] == []


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), PROOFS),
        (("queues",), list(GROUPS["queues"])),
        (("register_reads", "queue_buffered", "queue_buffered"), ["queue_buffered", "register_reads"]),
        (("queues", "queue_buffered"), list(GROUPS["queues"])),
    ],
)
def test_selection(names: tuple[str, ...], found: list[object]) -> None:
    chosen = select(names)
    assert [proof.name for proof in chosen] == [getattr(each, "name", each) for each in found]
    assert all(proof in GROUPS[group_of(proof)] for proof in chosen)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(GatewrightError, match=r"unknown proof 'nothing', allowed: .*queues, .*queue_buffered"):
        select(["queues", "nothing"])
