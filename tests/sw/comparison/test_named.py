"""A system by its name, and options as people write them."""

import pytest

from gatewright.comparison.errors import ComparisonError
from gatewright.comparison.named import entry_named, system_with
from gatewright.comparison.plan import ENTRIES
from gatewright.models.experts import Hybrid
from gatewright.models.systems import TextAlone


def test_a_name_is_found_whatever_its_capitals():
    assert entry_named("HYBRID", ENTRIES).kind is Hybrid
    with pytest.raises(
        ComparisonError, match=r"system is 'gnn', allowed: popularity; .*; LM alone, zero-shot; .*hybrid"
    ):
        entry_named("gnn", ENTRIES)


def test_options_have_their_types():
    hybrid = system_with(ENTRIES["hybrid"], 3, ["width=64", "half_life=2"])
    assert hybrid == Hybrid(width=64, half_life=2.0, seed=3)
    text = system_with(ENTRIES[TextAlone.NAME], None, ["centred=False", "half_life=1e2"])
    assert text == TextAlone(half_life=100.0, centred=False)


@pytest.mark.parametrize(
    ("name", "seed", "given", "message"),
    [
        ("hybrid", None, ["deep=1"], "option of hybrid is 'deep=1', allowed: width=256, .*joint_width=224$"),
        ("hybrid", None, ["width"], "option of hybrid is 'width', allowed: width=256"),
        ("hybrid", None, ["seed=1"], "option of hybrid is 'seed=1', allowed: width=256"),
        ("popularity", None, ["x=1"], "option of popularity is 'x=1', allowed: none, it has no options"),
        ("hybrid", None, ["width=1", "width=2"], "option width of hybrid is given twice, allowed: once"),
        ("hybrid", None, ["width=1.5"], "option width of hybrid is '1.5', allowed: whole numbers"),
        ("EASE", None, ["regularisation=much"], "option regularisation of EASE is 'much', allowed: numbers"),
        (TextAlone.NAME, None, ["centred=1"], "option centred of LM alone, zero-shot is '1', allowed: true, false"),
        ("EASE", 0, [], "seed of EASE is 0, allowed: none, since chance has no part in its training"),
    ],
)
def test_what_a_system_does_not_have_is_refused(name, seed, given, message):
    with pytest.raises(ComparisonError, match=message):
        system_with(ENTRIES[name], seed, given)
