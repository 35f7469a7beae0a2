"""Which mutants are drawn."""

from collections import Counter

from gatewright_sim.mutation.sample import sample

FOUND = {f"part.py: f: x{place} -> {fault}": kind for place in range(40) for kind, fault in (("a", "+"), ("b", "-"))}
FOUND |= {"part.py: f: rare -> up": "rare"}


def test_every_kind_comes_up_however_rare() -> None:
    drawn = sample(FOUND, 21, seed=1)
    assert len(set(drawn)) == 21
    assert Counter(FOUND[key] for key in drawn) == {"a": 10, "b": 10, "rare": 1}


def test_a_site_gives_a_second_mutant_last() -> None:
    sites = [key.rsplit(" -> ", 1)[0] for key in sample(FOUND, 39, seed=1)]
    assert len(set(sites)) == len(sites)


def test_the_same_for_the_same_seed_alone() -> None:
    assert sample(FOUND, 20, seed=3) == sample(dict(reversed(FOUND.items())), 20, seed=3)
    assert sample(FOUND, 20, seed=3) != sample(FOUND, 20, seed=4)


def test_another_site_leaves_the_others_in_their_order() -> None:
    before, more = sample(FOUND, 1000, seed=1), sample(FOUND | {"part.py: f: new -> +": "a"}, 1000, seed=1)
    first = [key for key in before if FOUND[key] == "a"]
    assert [key for key in more if key in first] == first


def test_no_more_than_there_are() -> None:
    assert sorted(sample(FOUND, 1000, seed=1)) == sorted(FOUND)
