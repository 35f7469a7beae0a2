"""Each target in a process of its own, so that one that crashes or stands still is a finding like any other."""

from __future__ import annotations

import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from gatewright_sim.fuzz.campaign import Tally, run
from gatewright_sim.fuzz.corpus import keep
from gatewright_sim.fuzz.target import Target

__all__ = ["fuzz"]

_STILL_S = 180.0
"""Seconds without the end of a case, on a machine that may be busy, after which a process counts as hung."""
_MOST_ROOM = 8 << 30
"""Bytes of addresses that a process may take, so that a case cannot take the machine's memory."""


def fuzz(targets: Sequence[type[Target]], corpus: Path, seed: int, seconds: float) -> Iterator[Tally]:
    """Fuzz targets one after the other, ``seconds`` each; what has been done so far also after Ctrl-C, which is raised
    then."""
    for target in targets:
        tally = Tally(target.name)
        try:
            begin = time.monotonic()
            while (left := seconds - (time.monotonic() - begin)) > 0:
                _one_process(target, tally, corpus, seed, left)
                seed += 1  # after a crash another one
        except KeyboardInterrupt:
            yield tally
            raise
        yield tally


def _one_process(target: type[Target], tally: Tally, corpus: Path, seed: int, seconds: float) -> None:
    """Go on with a target until its time is over or its process ends by a case, which is a finding then."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / "case"
        child = context.Process(target=_work, args=(target, tally, corpus, seed, seconds, case, theirs))
        child.start()
        theirs.close()
        try:
            _follow(tally, child, ours, case)
        except KeyboardInterrupt:
            _follow(tally, child, ours, case)  # it is interrupted as well, and says what it has done
            raise
        finally:
            child.kill()
            child.join()
        if child.exitcode:
            kind = f"process ended by {child.exitcode}" if child.exitcode > 0 else f"killed by signal {-child.exitcode}"
            tally.outcomes[kind] += 1
            if kind not in tally.findings and case.exists():
                tally.kept.append(keep(target, corpus, kind, case.read_bytes()))
            tally.findings.setdefault(kind, kind)


def _follow(tally: Tally, child: multiprocessing.process.BaseProcess, ours: Connection, case: Path) -> None:
    """Take what a process says until it ends; kill it when it stands still."""
    while True:
        try:
            if ours.poll(1.0):
                vars(tally).update(vars(ours.recv()))
                continue
        except EOFError:
            child.join(10.0)
            return
        still = time.time() - case.stat().st_mtime if case.exists() else 0.0
        if still > _STILL_S:
            child.kill()


def _work(
    target: type[Target], tally: Tally, corpus: Path, seed: int, seconds: float, case: Path, theirs: Connection
) -> None:
    """A process."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ROOM, _MOST_ROOM))
    with suppress(KeyboardInterrupt):
        run(_Noted(target(), case), corpus, seed, seconds, tally, theirs.send)
    theirs.send(tally)
    theirs.close()


class _Noted(Target):
    """A target whose case lies in a file while it runs."""

    def __init__(self, inner: Target, file: Path) -> None:
        self.name, self.suffix = inner.name, inner.suffix  # type: ignore[misc]
        self._inner = inner
        self._file = file

    def cases(self, corpus: list[bytes]) -> SearchStrategy[bytes]:
        return self._inner.cases(corpus)

    def run(self, case: bytes) -> str:
        self._file.write_bytes(case)
        return self._inner.run(case)
