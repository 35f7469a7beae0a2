"""What ends a fork: the body itself, its limit, or somebody else, which is no verdict."""

import faulthandler
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from gatewright_sim.benches.harness.runner import BenchError
from gatewright_sim.mutation import campaign, forks
from gatewright_sim.mutation.blocks import get_block
from gatewright_sim.mutation.campaign import Campaign
from gatewright_sim.mutation.forks import Fork, run_apart
from gatewright_sim.mutation.job import Job, NoVerdict
from gatewright_sim.mutation.mutant import Mutant, Mutated


def _run(body: Callable[[], Awaitable[None]]) -> Fork:
    """What cocotb does with a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as end:
        run_apart(body).send(None)
    return end.value.value


def _ended_by(signals: Sequence[int], mark: Path) -> Callable[[], Awaitable[None]]:
    """Forks that are ended by these signals, one after the other; each adds a byte to ``mark``."""

    async def body() -> None:
        faulthandler.disable()
        with mark.open("ab") as file:
            file.write(b".")
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signals[mark.stat().st_size - 1])
        os._exit(1)

    return body


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV])
def test_a_crash_is_the_body_s(number: int, tmp_path: Path) -> None:
    fork = _run(_ended_by([number], tmp_path / "mark"))
    assert fork == Fork(f"the simulator ended with signal {number:d}", 0)


def test_what_never_ends_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def body() -> None:
        while True:
            pass

    monkeypatch.setattr(forks, "CPU_S", 1)
    assert _run(body) == Fork("no end after 1 s of the processor", 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_is_ended_from_outside_is_tried_again_and_then_no_verdict(number: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    fork = _run(_ended_by([number, signal.SIGABRT], mark))
    assert fork == Fork(f"the simulator ended with signal {signal.SIGABRT:d}", 0)
    mark.unlink()
    with pytest.raises(NoVerdict, match=f"was ended 2 times by signal {number:d} from outside"):
        run_apart(_ended_by([number, number], mark)).send(None)
    assert mark.stat().st_size == 2


def test_a_campaign_says_why_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*design: object, environment: dict[str, str], **options: object) -> None:
        Job.load(Path(environment["GATEWRIGHT_MUTATION"])).reason.write_text("is there memory enough?")
        raise BenchError("a log of many lines")

    monkeypatch.setattr(campaign, "run_cocotb", run)
    block, made = get_block("bus"), Mutated("", (Mutant(1, "bus/master.py: f: a -> b", "logic", 1),))
    with pytest.raises(BenchError, match=r"^mutants of bus: is there memory enough\?$"):
        Campaign((block,), 1, 1, tmp_path)._stage(block, "sequencer", made, "sequencer", "0123", os.getpid())
