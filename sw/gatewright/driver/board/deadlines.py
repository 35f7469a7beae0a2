"""Deadlines for what has none: calls into libraries, and the procedure calls of PYNQ.remote."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from gatewright.driver.errors import BoardError

__all__ = ["RPC_TIMEOUT_S", "NoAnswer", "bounded", "within"]

R = TypeVar("R")

INTERRUPTED_S = 2.0
"""What a step that has begun is given to end well where Ctrl-C, or a signal, breaks off the wait for it."""

RPC_TIMEOUT_S = 30.0
"""Most seconds of one procedure call; the longest moves a bitstream or a program's constants."""


class NoAnswer(BoardError):
    """What was asked has not answered in time."""


def within(seconds: float, what: str, function: Callable[[], R]) -> R:
    """``function``'s result. Raises :class:`NoAnswer` where it has not come after ``seconds``; its thread is left."""
    results: list[R] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name=f"gatewright: {what}", daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    except BaseException:
        thread.join(min(seconds, INTERRUPTED_S))
        raise
    if errors:
        raise errors[0]
    if not results:
        raise NoAnswer(f"{what}: no answer within {seconds:g} s")
    return results[0]


def bounded(channel: Any, seconds: float) -> Any:
    """A gRPC channel whose calls end after ``seconds`` at the latest, however they were made."""
    import grpc

    class Deadline(
        grpc.UnaryUnaryClientInterceptor,
        grpc.UnaryStreamClientInterceptor,
        grpc.StreamUnaryClientInterceptor,
        grpc.StreamStreamClientInterceptor,
    ):
        def _limited(self, continuation: Any, details: Any, request: Any) -> Any:
            limited = details if details.timeout is not None else details._replace(timeout=seconds)
            return continuation(limited, request)

        intercept_unary_unary = intercept_unary_stream = _limited
        intercept_stream_unary = intercept_stream_stream = _limited

    return grpc.intercept_channel(channel, Deadline())
