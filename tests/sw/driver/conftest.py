"""Accelerators on every backend; the board is pynq itself over a device whose fabric is the golden machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gatewright.driver import Accelerator


@pytest.fixture
def open_accelerator(request: pytest.FixtureRequest) -> Iterator[Callable[..., Accelerator]]:
    """Opens an accelerator of config tiny on a backend by name; all are closed at the end."""
    opened: list[Accelerator] = []

    def open_(backend: str, **options: Any) -> Accelerator:
        if backend == "board":
            request.getfixturevalue("device")
            options.setdefault("cacheable", True)  # not measured: that would run a program
            options.setdefault("bitstream", request.getfixturevalue("built_once"))
        opened.append(Accelerator("tiny", backend, **options))
        return opened[-1]

    yield open_
    for accelerator in opened:
        accelerator.close()
