"""Tables of cases."""

from __future__ import annotations

from typing import Any

import pytest

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
