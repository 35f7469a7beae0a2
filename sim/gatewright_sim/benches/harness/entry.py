"""The module that cocotb loads in the simulator: a test for each case of the bench that GATEWRIGHT_BENCH names."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import cocotb

from gatewright_sim.benches.harness.cases import Case, Table


def _test(table: Table, case: Case) -> Any:
    async def run(dut: Any) -> None:
        await case.run(await table.start(dut))

    return cocotb.test(name=case.name)(run)


_TABLE: Table = import_module(os.environ["GATEWRIGHT_BENCH"]).TABLE
globals().update({case.name: _test(_TABLE, case) for case in _TABLE.cases})
