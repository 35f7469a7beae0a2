"""What the whole and the quick scope are, and what times come to."""

import pytest

from gatewright.comparison.row import Splits
from gatewright.models.data.splits import UserTimeSplit
from gatewright.models.experts import Hybrid
from gatewright.reproduction.asked import WARM_UP, Timed
from gatewright.reproduction.experiment import Experiment, Latency, Setting, found
from gatewright.reproduction.scope import FULL, QUICK
from gatewright.reproduction.systems import NAMED


def test_the_hybrid_is_held_against_every_other_system():
    for scope in (FULL, QUICK):
        others = {entry.name for entry in scope.systems.entries} - {Hybrid.NAME}
        assert set(scope.systems.pairs) == {(Hybrid.NAME, name) for name in others}
        assert len(others) >= 10


def test_the_quick_one_says_what_it_leaves_out():
    assert FULL.left_out == ""
    assert "one training seed in the place of three" in QUICK.left_out
    assert {type(each) for each in QUICK.experiments} < {type(each) for each in FULL.experiments}
    assert (QUICK.systems.shuffles, FULL.systems.shuffles, FULL.systems.seeds) == (1, 5, 3)


def test_trials_of_the_quick_one_are_among_those_of_the_whole():
    whole = {entry.name: entry for entry in FULL.systems.entries}
    for entry in QUICK.systems.entries:
        assert entry.kind is whole[entry.name].kind
        assert entry.budget <= whole[entry.name].budget


def test_every_system_has_one_name():
    assert all(name == entry.kind.NAME for name, entry in NAMED.items())


def test_percentiles():
    latency = Latency.of([float(n) for n in range(1, 101)], "counted")
    assert (latency.p50, latency.p95, latency.requests) == (50.5, pytest.approx(95.05), 100)


def test_first_requests_do_not_count():
    way = Timed(lambda user: [user])
    for user in range(WARM_UP):
        way.ask(user)
    assert len(way.milliseconds) == WARM_UP  # nothing else is there
    way.ask(9)
    assert len(way.milliseconds) == 1
    assert way.scores([2, 9]).tolist() == [[2], [9]]


def test_a_finding_is_as_it_was_when_it_is_read_again(data, halved):
    splits, rule = Splits(data, 10), UserTimeSplit(test=0.2)
    first, second = (found(halved(), splits, rule) for _ in range(2))
    made = halved().run(Setting(splits, rule, _folder(first)))
    for one in (first, second):
        assert [(line.name, line.against, line.latency, dict(line.facts)) for line in one.lines] == [
            (line.name, line.against, line.latency, dict(line.facts)) for line in made.lines
        ]
        assert one.pictured == made.pictured
        assert (one.lines[0].quality.values["ndcg"] == made.lines[0].quality.values["ndcg"]).all()


def _folder(_):
    from gatewright.cache import cache_dir

    return cache_dir("checkpoints", "of-a-test")


def test_what_is_prepared_ahead_is_nothing_where_nothing_is_said(data):
    class Plain(Experiment):
        NAME = "plain"

    assert Plain().prepare(Setting(Splits(data, 10), UserTimeSplit())) is None
