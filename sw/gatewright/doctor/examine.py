"""The examination in its order: each step under a deadline, and no step after one that did not come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from gatewright.doctor import here, there
from gatewright.doctor.fabric import examine_fabric
from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.board.deadlines import NoAnswer, within
from gatewright.driver.board.opening import board_of, open_port
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.hosts import parse_pynq_host
from gatewright.spec.boards import Board, get_board
from gatewright.spec.errors import GatewrightError

__all__ = ["STEP_S", "examine"]

STEP_S = 60.0
"""Most seconds of one step. One that does not come back is left alone, and so is the rest of the board."""

_ON_A_BOARD = (here.python, here.pynq, here.root, here.xrt, here.xclbinutil, here.writable, here.interrupt)
_ON_A_PC = (here.python, here.pynq)

R = TypeVar("R")


class _Hung(Exception):
    """A step did not come back."""


def examine(board: str | None = None, host: str | None = None) -> Iterator[Finding]:
    """Findings about this board, or the one at ``pynq://HOST[:PORT]``, as they are made.

    ``board`` is our name of it; default: what its image says. Raises :class:`DriverError`, :class:`SpecError`.
    """
    named = None if board is None else get_board(board)
    if host is not None:
        parse_pynq_host(host)
    return _findings(named, host)


def _findings(named: Board | None, host: str | None) -> Iterator[Finding]:
    try:
        if host is None:
            for step in _ON_A_BOARD if here.is_board() else _ON_A_PC:
                yield _kept(step.__name__, step)
        yield from _board(named, host)
    except _Hung as error:
        yield Finding(str(error), Verdict.BAD, "no answer: the rest is not looked at", "switch the board off and on")


def _board(named: Board | None, host: str | None) -> Iterator[Finding]:
    try:
        port = _bounded("board", lambda: open_port(host))
        board = named or _named_by_image(port)
    except GatewrightError as error:
        yield Finding("board", Verdict.BAD, str(error), _way_to_a_board(host))
        return
    if board is None:
        yield Finding("board", Verdict.ODD, "its image names no board of ours", "--board names it: kv260 on a Kria")
    else:
        yield Finding("board", Verdict.GOOD, f"{board.title}, {port.label}, pynq {port.version}")
    for step in (there.zocl, there.memory, there.manager):
        yield _kept(step.__name__, step, port)
    if board is not None:
        yield from examine_fabric(port, board, _bounded, _kept)


def _way_to_a_board(host: str | None) -> str:
    if host is not None:
        return "is PYNQ.remote's server up, and its port (7967) open?"
    return "see above" if here.is_board() else "this is a PC: --host HOST names a board's agent, or its pynq://HOST"


def _named_by_image(port: BoardPort) -> Board | None:
    name = _bounded("board", lambda: board_of(port))
    return get_board(name) if name else None


def _bounded(name: str, step: Callable[[], R]) -> R:
    """The step's result. Raises :class:`_Hung`, which ends the examination, and what the step raises."""

    def tried() -> tuple[R | None, GatewrightError | None]:
        try:
            return step(), None
        except GatewrightError as error:  # of a deadline of its own, perhaps
            return None, error

    try:
        result, error = within(STEP_S, name, tried)
    except NoAnswer:
        raise _Hung(name) from None
    if error is not None:
        raise error
    return cast(R, result)


def _kept(name: str, step: Callable[..., Finding], *arguments: object) -> Finding:
    """What a step finds, or why it could not. Raises :class:`_Hung`."""
    try:
        return _bounded(name, lambda: step(*arguments))
    except GatewrightError as error:
        return Finding(name, Verdict.BAD, str(error), "see above")
