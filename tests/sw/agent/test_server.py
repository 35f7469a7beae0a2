"""How an agent ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from gatewright.agent.machine import Machine
from gatewright.agent.server import serve
from gatewright.listening import Address
from gatewright.signals import ended_by_signals
from gatewright.spec.config import get_config

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.mark.parametrize("first", SIGNALS, ids=lambda number: number.name)
def test_a_second_signal_does_not_break_off_the_end(first: signal.Signals, tmp_path: Path) -> None:
    """As of a service that is stopped while its terminal goes away."""
    closed = []

    class Slow(Machine):
        def close(self) -> None:
            if self._accelerator is not None:
                for number in SIGNALS:
                    signal.raise_signal(number)
                closed.append(True)
            super().close()

    def machine() -> Machine:
        return Slow("golden", get_config("tiny"), None, None, tmp_path, 60, 60)

    code = 0
    try:
        with ended_by_signals():
            serve(Address("127.0.0.1", 0), None, machine, lambda _: signal.raise_signal(first))
    except SystemExit as end:
        code = end.code
    assert closed == [True]
    assert code == (129 if first is signal.SIGHUP else 0)
