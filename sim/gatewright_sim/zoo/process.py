"""Each model in a process of its own, so that one that crashes, hangs or takes all memory is one line and not the
end."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection
from threading import Event

from threadpoolctl import threadpool_limits

from gatewright.program.errors import first_line
from gatewright_sim.zoo import catalogue, trial
from gatewright_sim.zoo.trial import Outcome, Result

__all__ = ["Work", "attempt", "outcomes"]

_MOST_ROOM = 16 << 30
"""Bytes of addresses that a process may take."""

_WARM = ("gatewright_sim.zoo.process", "onnxruntime", "onnxscript", "torch.onnx", "torch._dynamo", "torch_geometric.nn",
         "transformers")  # fmt: skip
"""Imported once, in the process that the others are forked from."""

_LOOK_S = 0.2
"""Seconds between looks at whether all is stopped."""

Work = Callable[[str, Connection], None]
"""What a process does with the name of a model: it sends the outcome."""


def outcomes(names: Sequence[str], work: Work, seconds: float, jobs: int) -> Iterator[Outcome]:
    """Try models, ``jobs`` at a time, ``seconds`` each; in the order in which they end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_WARM))
    stopped = Event()
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(_alone, context, name, work, seconds, stopped) for name in names]
        try:
            for each in as_completed(waiting):
                yield each.result()
        finally:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _alone(
    context: multiprocessing.context.ForkServerContext, name: str, work: Work, seconds: float, stopped: Event
) -> Outcome:
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(name, theirs), daemon=True)
    child.start()
    theirs.close()
    end = time.monotonic() + seconds
    try:
        while not ours.poll(_LOOK_S):
            if stopped.is_set() or time.monotonic() > end:
                return Outcome(name, Result.HUNG, reason=f"it has not ended after {seconds:g} s")
        found: Outcome = ours.recv()
        return found
    except EOFError:
        child.join()
        return Outcome(name, Result.CRASHED, reason=f"its process ended with {child.exitcode}")
    finally:
        child.kill()
        child.join()


def attempt(config: str, models: Mapping[str, str], code: str, name: str, theirs: Connection) -> None:
    """Work for :func:`outcomes`, but for the first arguments: a trial. What is printed goes nowhere.

    ``models``, ``code`` : versions of what makes each model (:func:`.catalogue.versions`), and of what judges it.
    """
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_ROOM, _MOST_ROOM))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    threadpool_limits(1)  # processes share the cores
    try:
        made = catalogue.material(name, models[name])
    except Exception as error:  # of packages that the model comes from
        theirs.send(Outcome(name, Result.NOT_MADE, reason=f"{type(error).__name__}: {first_line(error)}"))
        return
    theirs.send(trial.kept_trial(name, made, config, code))
