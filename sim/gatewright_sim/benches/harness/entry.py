"""The module that cocotb loads in the simulator: a test for each case of the bench that GATEWRIGHT_BENCH names."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import cocotb

from gatewright_sim.benches.coverage.collect import save
from gatewright_sim.benches.harness.cases import Case, Table

LIMIT_MS = 20
"""Simulated time that no case needs: a design that hangs fails its case."""

_BENCH = os.environ["GATEWRIGHT_BENCH"]
_TABLE: Table = import_module(_BENCH).TABLE


def _test(case: Case) -> Any:
    async def run(dut: Any) -> None:
        await case.run(await _TABLE.start(dut))
        save()

    run.__module__, run.__doc__ = _BENCH, case.run.__doc__  # what reports and logs call it
    return cocotb.test(name=case.name, timeout_time=LIMIT_MS, timeout_unit="ms")(run)


globals().update({case.name: _test(case) for case in _TABLE.cases})
