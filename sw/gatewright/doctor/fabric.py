"""What is in the fabric: looked at while nobody else has it, and only as long as it is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol

from gatewright.doctor import there
from gatewright.doctor.coherent import coherent, directions
from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.board.claim import Claim
from gatewright.driver.board.loaded import LoadedDesign, drain, loaded_design
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.errors import BoardInUse
from gatewright.spec.boards import Board
from gatewright.spec.errors import GatewrightError

__all__ = ["examine_fabric"]


class Bounded(Protocol):
    """Runs a step under a deadline; it raises what the step raises."""

    def __call__(self, name: str, step: Callable[[], Any], /) -> Any: ...


class Kept(Protocol):
    """As :class:`Bounded`, with arguments; errors become the finding."""

    def __call__(self, name: str, step: Callable[..., Finding], /, *arguments: object) -> Finding: ...


def examine_fabric(port: BoardPort, board: Board, bounded: Bounded, kept: Kept) -> Iterator[Finding]:
    """Clock, design, ports, firmware and coherence.

    The clock's registers are the processing system's. All else may stop a board on which somebody loads another design
    at the same time, so it is done under the claim that this takes, and each step looks again what is there.
    """
    try:
        claim = bounded("claim", lambda: Claim(port))
    except GatewrightError as error:
        remedy = "end that, and look again" if isinstance(error, BoardInUse) else "see above"
        if port.remote:  # its server guards no table of windows against a second client
            yield Finding("clock", Verdict.ODD, f"not looked at: {error}", remedy)
        else:
            yield kept("clock", there.clock, port, board, None)
        yield Finding("design", Verdict.ODD, f"not looked at: {error}", remedy)
        return
    answers = True
    try:
        yield from _claimed(port, board, bounded, kept)
    except GeneratorExit:  # between two steps
        raise
    except Exception:  # a step did not come back
        answers = False
        raise
    except BaseException:  # Ctrl-C or a signal, and the step may be at its copy still
        answers = False
        with suppress(GatewrightError):
            drain(port, loaded_design(port))
            answers = True
        raise
    finally:
        claim.close(answers)


def _claimed(port: BoardPort, board: Board, bounded: Bounded, kept: Kept) -> Iterator[Finding]:
    try:
        ours: LoadedDesign | None = bounded("design", lambda: loaded_design(port))
    except GatewrightError as error:
        yield Finding("design", Verdict.BAD, str(error), "see above")
        return
    mine = ours if ours is not None and ours.board == board.name else None
    clock = kept("clock", there.clock, port, board, mine)
    yield clock
    if clock.verdict is Verdict.BAD:
        mine = None
    if ours is None or mine is not None or ours.board != board.name:
        answers = kept("design", _unchanged("design", there.design), port, board, ours)
        yield answers
        if answers.verdict is Verdict.BAD:
            mine = None
    else:
        yield Finding("design", Verdict.ODD, "not looked at: see its clock", "gatewright flash")
    yield kept("ports", _unchanged("ports", there.ports), port, board, mine)
    if not port.remote:
        yield kept("firmware", there.firmware, port, ours)
    if mine is None:
        yield Finding("memory coherence", Verdict.ODD, "not measured: that needs our design", "gatewright flash")
        return
    for direction in directions(port):
        yield kept(direction, _unchanged(direction, coherent), port, board, mine, direction)


def _unchanged(name: str, step: Callable[..., Finding]) -> Callable[..., Finding]:
    """The step, if the design that it is given is (still) the one that is there. None is for steps to leave alone."""

    def look(port: BoardPort, board: Board, ours: LoadedDesign | None, *arguments: object) -> Finding:
        if ours is not None and loaded_design(port) != ours:
            return Finding(name, Verdict.ODD, "not looked at: another design was loaded meanwhile", "look again")
        return step(port, board, ours, *arguments)

    return look
