"""Whether processor and accelerator see each other's writes: measured by a copy through the accelerator.

Which buffers a sync concerns, and whether it does anything at all, differs between versions of zocl, the kernel driver
below pynq (XRT, zocl_bo.c), so nothing is assumed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gatewright.driver.backend import DeviceMemory
from gatewright.driver.errors import AcceleratorError
from gatewright.driver.programs.command_list import CommandList
from gatewright.spec.commands import VECTOR, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.memory import COMMAND_BYTES, MemoryModel
from gatewright.spec.vector import ElementType
from gatewright.spec.vector_op import VectorOp

__all__ = ["Coherence", "check_coherence"]

_LONGEST_ROW = 256
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Coherence:
    """Attributes
    ----------
    right : whether the accelerator read what the host had written, and the host what the accelerator wrote, twice.
    seconds : one round: write, flush, copy, invalidate, read.
    """

    right: bool
    seconds: float


def check_coherence(
    config: AcceleratorConfig,
    allocate: Callable[[int, bool], DeviceMemory],
    run: Callable[[CommandList, int, float], None],
    nbytes: int,
    *,
    source_cacheable: bool,
    result_cacheable: bool,
) -> Coherence:
    """Copy ``nbytes`` (a multiple of 512) twice through the accelerator, other bytes the second time.

    ``allocate`` takes bytes and whether they are cacheable; ``run`` takes commands, their address and a timeout, s.
    """
    memories: list[DeviceMemory] = []

    def take(size: int, cacheable: bool) -> DeviceMemory:
        memories.append(allocate(size, cacheable))
        return memories[-1]

    try:
        control = take(2 * COMMAND_BYTES, False)
        source, result = take(nbytes, source_cacheable), take(nbytes, result_cacheable)
        commands = _copy(config, control, source, result, nbytes)
        result.array[:] = 0
        result.flush()
        rng = np.random.default_rng(nbytes)
        right = True
        start = time.perf_counter()
        for _ in range(2):
            wanted = rng.integers(0, 256, nbytes, np.uint8)
            source.array[:] = wanted
            source.flush()
            try:
                run(commands, control.address, _TIMEOUT_S)
            except AcceleratorError:  # PYNQ.remote's memory is always cacheable: not even the command arrived
                right = False
            result.invalidate()
            right = right and bool(np.array_equal(result.array, wanted))
        return Coherence(right, (time.perf_counter() - start) / 2)
    finally:
        for memory in memories:
            memory.free()


def _copy(
    config: AcceleratorConfig, control: DeviceMemory, source: DeviceMemory, result: DeviceMemory, nbytes: int
) -> CommandList:
    """One command, placed in ``control`` with its parameters: int16 from ``source`` to ``result``."""
    operation = VectorOp(ElementType.INT16)
    cols = min(_LONGEST_ROW, config.max_columns)
    stride = 2 * cols
    fields = {"a_addr": source.address, "b_addr": 0, "y_addr": result.address, "table_addr": 0}
    strides = {"a_stride": stride, "b_stride": 0, "y_stride": stride}
    sizes = {"rows": nbytes // stride, "cols": cols, "a_type": ElementType.INT16, "b_type": ElementType.INT16}
    params = control.address + COMMAND_BYTES
    command = encode(VECTOR, 0, **operation.fields, **fields, **strides, **sizes, params_addr=params)
    commands = CommandList([command], config, MemoryModel())
    packed = np.frombuffer(operation.out.packed().tobytes(), np.uint8)
    control.array[:COMMAND_BYTES] = commands.image()
    control.array[COMMAND_BYTES : COMMAND_BYTES + len(packed)] = packed
    control.flush()
    return commands
