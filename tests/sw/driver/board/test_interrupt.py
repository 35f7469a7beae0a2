"""UIO devices as files: which one is the fabric's, and that a wait ends by the interrupt, a look or the timeout."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from gatewright.driver.board import interrupt
from gatewright.driver.board.interrupt import UioInterrupt, find_uio


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(interrupt, "_CLASS", tmp_path / "uio")
    monkeypatch.setattr(interrupt, "_DEVICES", tmp_path / "dev")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "found"),
    [({}, None), ({"uio0": "xadc"}, None), ({"uio0": "xadc", "uio1": "fabric"}, "uio1"), ({"uio0": "fabric"}, "uio0")],
)
def test_the_node_is_found_by_its_name(names: dict[str, str], found: str | None, system: Path) -> None:
    for node, name in names.items():
        (system / "uio" / node).mkdir(parents=True)
        (system / "uio" / node / "name").write_text(f"{name}\n")
    assert find_uio() == (found and system / "dev" / found)


def test_it_fires_once_for_each_interrupt(tmp_path: Path) -> None:
    """A FIFO stands for the device: what is written to unmask comes back as an interrupt."""
    os.mkfifo(tmp_path / "uio0")
    opened = UioInterrupt(tmp_path / "uio0")
    assert not opened.wait(0.01)
    threading.Timer(0.05, opened.arm).start()
    start = time.monotonic()
    assert opened.wait(30)
    assert time.monotonic() - start < 20
    assert not opened.wait(0.01)
    opened.close()
    opened.close()
