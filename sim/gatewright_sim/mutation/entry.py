"""The module that cocotb loads in a simulator of mutants: for every mutant, case after case of the benches until one
fails.

Each case runs in a fork of the simulator as it stands at time zero, so that nothing is loaded twice, no case leaves
anything to the next one, and the one build and the one start are shared. The environment variable GATEWRIGHT_MUTATION
names a file with the job (:class:`.job.Job`); its results are appended to the file that the job names, a line each.
"""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import Timer, with_timeout

from gatewright_sim.benches.harness.cases import Table
from gatewright_sim.mutation.forks import run_apart
from gatewright_sim.mutation.job import Job, NoVerdict, Order

JOB = Job.load(Path(os.environ["GATEWRIGHT_MUTATION"]))
TABLES: dict[str, Table] = {name: import_module(module).TABLE for name, module in JOB.benches.items()}
CASES = {
    f"{bench}.{case.name}.{seed}": (table, case, seed)
    for bench, table in TABLES.items()
    for case in table.cases
    for seed in case.seeds
}


async def _run(dut: Any, mutant: int, name: str, limit_ns: int | None) -> None:
    """One case on one mutant."""
    table, case, seed = CASES[name]
    cocotb.RANDOM_SEED = seed
    dut.mutant.value = mutant

    async def run() -> None:
        await case.run(await table.start(dut))

    await (run() if limit_ns is None else with_timeout(run(), limit_ns, "ns"))


@cocotb.test()  # type: ignore[untyped-decorator]
async def mutants(dut: Any) -> None:
    """All verdicts of the job, or the reason why not."""
    await Timer(1, "step")
    try:
        await _verdicts(dut)
    except NoVerdict as reason:
        JOB.reason.write_text(str(reason))
        raise


async def _verdicts(dut: Any) -> None:
    """Raises :class:`NoVerdict`, also where the design without a mutant fails a case."""
    lengths = {}
    for name in CASES:
        fork = await run_apart(partial(_run, dut, 0, name, None))
        if fork.failure is not None:
            raise NoVerdict(f"{name} fails without a mutant: {fork.failure}")
        lengths[name] = fork.ns
    order = Order(lengths)
    for mutant in JOB.mutants:
        if not JOB.wanted:
            raise NoVerdict("the process that asked for mutants has ended")
        killer, how = None, ""
        for name in order.cases():
            fork = await run_apart(partial(_run, dut, mutant.number, name, JOB.limit_ns(lengths[name])))
            order.note(name, fork.failure is not None)
            if fork.failure is not None:
                killer, how = name, fork.failure
                break
        JOB.note(mutant.key, killer, how)
