"""Each target in a process of its own, so that one that crashes or stands still is a finding like any other."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from hypothesis.strategies import SearchStrategy

from gatewright.spec.errors import GatewrightError
from gatewright_sim.fuzz.campaign import Tally, run
from gatewright_sim.fuzz.corpus import keep
from gatewright_sim.fuzz.target import Target

__all__ = ["fuzz"]

_STILL_S = 180.0
"""Seconds without the end of a case, on a machine that may be busy, after which a process counts as hung."""
_MAKING_S = 3600.0
"""Seconds for a target until its first case; some compile an accelerator."""
_MOST_ROOM = 8 << 30
"""Bytes of addresses that a process may take, so that a case cannot take the machine's memory."""


def fuzz(targets: Sequence[type[Target]], corpus: Path, seed: int, seconds: float) -> Iterator[Tally]:
    """Fuzz targets one after the other, ``seconds`` each; after Ctrl-C, which is raised then, the batches done so
    far.

    Raises :class:`GatewrightError` for a target that cannot be made here, such as one without a compiler for its RTL.
    """
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
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which a child keeps: Ctrl-C is for this process alone
        child.start()
        signal.signal(signal.SIGINT, before)
        theirs.close()
        try:
            _follow(tally, child, ours, case)
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
    """Take what a process says until it ends; kill it when it stands still. Raises :class:`GatewrightError` where it
    cannot make its target, or not in time."""
    begin = time.monotonic()
    while True:
        try:
            if ours.poll(1.0):
                said = ours.recv()
                if isinstance(said, GatewrightError):
                    raise said
                vars(tally).update(vars(said))
                continue
        except EOFError:
            child.join(10.0)
            return
        if case.exists():
            if time.time() - case.stat().st_mtime > _STILL_S:
                child.kill()
        elif time.monotonic() - begin > _MAKING_S:
            raise GatewrightError(f"target {tally.target} is not made in {_MAKING_S:g} s")


def _work(
    target: type[Target], tally: Tally, corpus: Path, seed: int, seconds: float, case: Path, theirs: Connection
) -> None:
    """A process."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ROOM, _MOST_ROOM))
    try:
        made = target()
    except Exception as error:
        kind = "" if isinstance(error, GatewrightError) else f"{type(error).__name__} "
        theirs.send(GatewrightError(" ".join(f"target {target.name}: {kind}{error}".split())))
        return
    run(_Noted(made, case), corpus, seed, seconds, tally, theirs.send)


class _Noted(Target):
    """A target whose case lies in a file while it runs."""

    def __init__(self, inner: Target, file: Path) -> None:
        self.name, self.suffix = inner.name, inner.suffix  # type: ignore[misc]
        self._inner = inner
        self._file = file

    def cases(self) -> SearchStrategy[bytes]:
        return self._inner.cases()

    def run(self, case: bytes) -> str:
        self._file.write_bytes(case)
        return self._inner.run(case)
