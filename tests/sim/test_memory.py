"""The heap of simulated device memory."""

from __future__ import annotations

import numpy as np
import pytest

from gatewright.driver.errors import OutOfDeviceMemory
from gatewright_sim.memory import SimulatedMemory


def test_the_heap_merges_what_is_freed() -> None:
    memory = SimulatedMemory(nbytes=1024)
    pieces = [memory.allocate(size) for size in (100, 200, 300)]
    with pytest.raises(OutOfDeviceMemory, match="704 of 1,024 are in use, the largest free piece has 320"):
        memory.allocate(400)
    for piece in (pieces[0], pieces[2], pieces[1]):
        piece.free()
        piece.free()
    again = memory.allocate(1024)
    assert again.address == memory.base
    pieces[0].free()  # is another's by now
    with pytest.raises(OutOfDeviceMemory):
        memory.allocate(64)


def test_bytes_may_lie_where_somebody_else_looks() -> None:
    storage = np.zeros(1024, np.uint8)
    memory = SimulatedMemory(nbytes=1024, storage=storage)
    memory.allocate(64).array[:] = 7
    assert storage[:64].tolist() == [7] * 64
