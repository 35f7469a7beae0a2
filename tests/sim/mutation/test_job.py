"""Jobs and verdicts as files, and the order of cases."""

import os
from dataclasses import replace
from pathlib import Path

from gatewright_sim.mutation.job import Job, Order, Verdict, append, verdicts
from gatewright_sim.mutation.mutant import Mutant

MUTANT = Mutant(1, "part.py: f: a == 1 -> !=", "comparison", 7)


def test_a_job_as_a_file(tmp_path: Path) -> None:
    results, reason = tmp_path / "results.jsonl", tmp_path / "reason.txt"
    job = Job({"gemm": "benches.gemm"}, (MUTANT,), results, "gemm", "0123", os.getpid(), reason)
    job.save(tmp_path / "job.json")
    assert Job.load(tmp_path / "job.json") == job
    assert job.wanted
    assert not replace(job, owner=1 << 22).wanted  # above any number of a process


def test_verdicts_of_these_sources_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    assert verdicts(path, "new") == {}
    late = Verdict("a", "gemm", "gemm.edges.1", "differs", "new")
    for verdict in (Verdict("a", "gemm", None, "", "new"), Verdict("b", "gemm", "x", "failed", "old"), late):
        append(path, verdict)
    with path.open("a") as file:
        file.write('{"key": "c", "kil')  # the run was stopped here
    assert verdicts(path, "new") == {"a": late}


def test_the_shortest_case_comes_first_then_what_notices_most() -> None:
    order = Order({"long": 1000, "short": 100})
    assert order.cases() == ["short", "long"]
    for _ in range(40):
        order.note("short", killed=False)
        order.note("long", killed=True)
    assert order.cases() == ["long", "short"]


def test_a_mutant_may_be_slower() -> None:
    assert Job.limit_ns(10_000) > 20_000
