"""Tables of cases, and the catalogue that finds them."""

from __future__ import annotations

from typing import Any

import pytest

from gatewright_sim.benches.catalogue import BENCHES
from gatewright_sim.benches.harness.cases import Case, Table


async def nothing(_: Any) -> None:
    pass


def test_a_table_holds_data_and_functions_in_order() -> None:
    table = Table(nothing, Case("first", nothing, (1, 2)))
    table.case()(nothing)
    assert [(case.name, case.seeds) for case in table.cases] == [("first", (1, 2)), ("nothing", (1,))]


def test_a_decorated_function_keeps_its_seeds() -> None:
    table = Table(nothing)
    assert table.case(3, 4)(nothing) is nothing
    assert table.cases == (Case("nothing", nothing, (3, 4)),)


def test_a_name_is_taken_once() -> None:
    table = Table(nothing, Case("nothing", nothing))
    with pytest.raises(ValueError, match="the bench has a case 'nothing' already"):
        table.case()(nothing)


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_has_cases(name: str) -> None:
    assert BENCHES[name].name == name
    assert BENCHES[name].table.cases


@pytest.mark.parametrize(("one", "other"), [("gemm", "attention"), ("sequencer", "recovery")])
def test_benches_of_one_design_share_its_simulator(one: str, other: str) -> None:
    assert BENCHES[one].design is BENCHES[other].design
