"""The examination in its order: each step under a deadline, and no step after one that did not come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gatewright.doctor import here, there
from gatewright.doctor.coherent import coherent, directions
from gatewright.doctor.finding import Finding, Verdict
from gatewright.driver.board.deadlines import NoAnswer, within
from gatewright.driver.board.loaded import loaded_design
from gatewright.driver.board.opening import board_of, open_port
from gatewright.driver.board.pynq_versions import BoardPort
from gatewright.driver.hosts import parse_pynq_host
from gatewright.spec.boards import Board, get_board
from gatewright.spec.errors import GatewrightError

__all__ = ["STEP_S", "examine"]

STEP_S = 60.0
"""Most seconds of one step. One that does not come back is left alone, and so is the rest of the board."""


class _Hung(Exception):
    """A step did not come back."""


def examine(board: str | None = None, host: str | None = None) -> Iterator[Finding]:
    """Findings about this board, or the one at ``pynq://HOST[:PORT]``, as they are made.

    ``board`` is our name of it; default: what its image says. Raises :class:`DriverError`, :class:`SpecError`.
    """
    named = None if board is None else get_board(board)
    if host is not None:
        parse_pynq_host(host)
    try:
        if host is None:
            for step in (here.python, here.pynq, here.root, here.xrt, here.xclbinutil, here.writable, here.interrupt):
                yield _kept(step.__name__, step)
        yield from _board(named, host)
    except _Hung as error:
        yield Finding(str(error), Verdict.BAD, "no answer: the rest is not looked at", "switch the board off and on")


def _board(named: Board | None, host: str | None) -> Iterator[Finding]:
    try:
        port = within(STEP_S, "pynq", lambda: open_port(host))
    except NoAnswer:
        raise _Hung("board") from None
    except GatewrightError as error:
        remedy = "see above" if host is None else "is PYNQ.remote's server up, and its port (7967) open?"
        yield Finding("board", Verdict.BAD, str(error), remedy)
        return
    board = named or _named_by_image(port)
    if board is None:
        yield Finding("board", Verdict.ODD, "its image names no board of ours", "--board names it: kv260 on a Kria")
    else:
        yield Finding("board", Verdict.GOOD, f"{board.title}, {port.label}, pynq {port.version}")
    for step in (there.zocl, there.memory, there.manager):
        yield _kept(step.__name__, step, port)
    if board is None:
        return
    try:
        ours = within(STEP_S, "design", lambda: loaded_design(port))
    except GatewrightError as error:
        yield Finding("design", Verdict.BAD, str(error), "see above")
        return
    mine = ours if ours is not None and ours.board == board.name else None
    clock = _kept("clock", there.clock, port, board, mine)
    yield clock
    if clock.verdict is Verdict.BAD:
        mine = None
    if ours is None or mine is not None or ours.board != board.name:
        answers = _kept("design", there.design, port, board, ours)
        yield answers
        if answers.verdict is Verdict.BAD:
            mine = None
    else:
        yield Finding("design", Verdict.ODD, "not looked at: see its clock", "gatewright flash")
    yield _kept("ports", there.ports, port, board, mine)
    if host is None:
        yield _kept("firmware", there.firmware, port, ours)
    if mine is None:
        yield Finding("memory coherence", Verdict.ODD, "not measured: that needs our design", "gatewright flash")
        return
    for direction in directions(port):
        yield _kept(direction, coherent, port, board, mine, direction)


def _named_by_image(port: BoardPort) -> Board | None:
    name = within(STEP_S, "board", lambda: board_of(port))
    return get_board(name) if name else None


def _kept(name: str, step: Callable[..., Finding], *arguments: object) -> Finding:
    """What a step finds, or why it could not. Raises :class:`_Hung`."""
    try:
        return within(STEP_S, name, lambda: step(*arguments))
    except NoAnswer:
        raise _Hung(name) from None
    except GatewrightError as error:
        return Finding(name, Verdict.BAD, str(error), "see above")
