"""The memory model against what has been measured on silicon."""

from __future__ import annotations

import pytest

from gatewright_sim.dram.silicon import MEASUREMENTS, Measurement


@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda each: each.what)
def test_the_model_moves_what_silicon_moves(measurement: Measurement) -> None:
    assert measurement.model == pytest.approx(measurement.share, rel=measurement.within)
