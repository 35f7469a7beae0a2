"""Errors of the bus that an aggregation may report besides what golden does: those of what it may have read ahead."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gatewright.spec.commands import DecodedCommand
from gatewright.spec.errors import ErrorCode
from gatewright.spec.extents import operands
from gatewright_sim.fuzz.streams.defined import mask
from gatewright_sim.golden.matrix_walk import walked
from gatewright_sim.golden.operands import Operands
from gatewright_sim.memory import BusFault, SimulatedMemory

__all__ = ["met_ahead"]

_ARRAYS = ("row_ptr_addr", "col_addr", "weight_addr")


def met_ahead(command: DecodedCommand, memory: SimulatedMemory) -> set[ErrorCode]:
    """Kinds of errors with which the bus answers somewhere in what an aggregation's engine may have read, wherever its
    matrix ends or is at fault.

    It reads its arrays ahead, but no row of X. Only where it has to go on with an element that the bus did not deliver
    is it open which rows of X it comes to: those that any index names, and the first, as what is not delivered reads
    as zero.
    """
    found = set(_of_arrays(command, memory))
    way, _, _ = walked(command, Operands(command, memory))
    return found | set(_of_features(command, memory)) if way.fault is None else found


def _of_arrays(command: DecodedCommand, memory: SimulatedMemory) -> Iterator[ErrorCode]:
    for each in operands(command):
        if each.field in _ARRAYS and each.nbytes:
            try:
                memory.read_rows(each.address, 1, each.row_bytes, 0)
            except BusFault as fault:
                yield from _kinds(fault)


def _of_features(command: DecodedCommand, memory: SimulatedMemory) -> Iterator[ErrorCode]:
    (columns,) = (each for each in operands(command) if each.field == "col_addr")
    words = mask(columns, memory.base, memory.nbytes).reshape(-1, 4).all(1)
    named = np.append(memory.array.view("<u4")[words], np.uint32(0))
    try:
        memory.read_gather(command["x_addr"], named[named < command["cols"]], command["features"], command["x_stride"])
    except BusFault as fault:
        yield from _kinds(fault)


def _kinds(fault: BusFault) -> Iterator[ErrorCode]:
    if fault.slverr:
        yield ErrorCode.READ_SLVERR
    if fault.decerr:
        yield ErrorCode.READ_DECERR
