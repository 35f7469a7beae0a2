"""Arrays in device memory."""

from __future__ import annotations

import numpy as np
import pytest

from gatewright.driver.memory.arrays import PlacedArray, row_stride
from gatewright_sim.memory import SimulatedMemory


@pytest.mark.parametrize(("columns", "dtype", "stride"), [(1, "i1", 8), (8, "i1", 8), (9, "i1", 16), (3, "i4", 16)])
def test_row_stride(columns: int, dtype: str, stride: int) -> None:
    assert row_stride(columns, dtype) == stride


def test_rows_are_padded_and_pads_are_not_touched() -> None:
    memory = SimulatedMemory(nbytes=4096)
    memory.array[:] = 0xEE
    values = np.arange(15, dtype=np.int8).reshape(3, 5)
    array = PlacedArray(memory.allocate, values.shape, values.dtype)
    array.put(values)
    raw = memory.array[array.address - memory.base :][: array.nbytes].reshape(3, 8)
    assert array.stride == 8
    assert np.array_equal(raw[:, :5].view(np.int8), values)
    assert (raw[:, 5:] == 0xEE).all()
    assert np.array_equal(array.get(), values)
    vector = PlacedArray(memory.allocate, (3,), np.uint32)
    vector.put([1, 2, 3])
    assert vector.get().tolist() == [1, 2, 3]
