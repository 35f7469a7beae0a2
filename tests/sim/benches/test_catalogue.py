"""The catalogue of benches: what it holds, and how their cases are run and reported."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from gatewright.spec.errors import GatewrightError
from gatewright_sim.benches.catalogue import BENCHES, run_bench


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_has_cases(name: str) -> None:
    assert BENCHES[name].name == name
    assert BENCHES[name].table.cases


@pytest.mark.parametrize(("one", "other"), [("gemm", "attention"), ("sequencer", "recovery"), ("bus", "registers")])
def test_benches_of_one_design_share_its_simulator(one: str, other: str) -> None:
    assert BENCHES[one].design is BENCHES[other].design


def test_a_case_is_reported_under_its_bench_and_its_name(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    assert run_bench("aggregate", case="faults", junit=junit) == 1
    (case,) = ElementTree.parse(junit).getroot().iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("gatewright_sim.benches.aggregate_bench", "faults")


def test_a_bench_on_another_configuration_has_its_name() -> None:
    assert BENCHES["vector-zybo-z7-10"].module == BENCHES["vector"].module
    assert BENCHES["vector-zybo-z7-10"].design.verilog() != BENCHES["vector"].design.verilog()


def test_an_unknown_bench_is_refused() -> None:
    with pytest.raises(GatewrightError, match="unknown bench 'machine', allowed: registers, sequencer, "):
        run_bench("machine")
