"""Where the parts of a program lie in device memory: constants, inputs, outputs and workspace, each apart.

A program's addresses are relative to one allocation. But making memory visible concerns whole buffers on a board, so
that a call must find its inputs together, its outputs together, and neither among megabytes of constants. What no
operand of any command crosses can be moved apart: the spans that operands and values touch are merged where they
overlap, and each merged span goes to a group by what the host does with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt

from gatewright.program.compiled import CompiledProgram, FabricStep, Placement, Variant
from gatewright.spec.commands import decode
from gatewright.spec.extents import operands
from gatewright.spec.memory import ALIGNMENT

__all__ = ["Group", "Layout", "Span"]

_PIECE = 64
"""Spans begin at multiples of this many bytes in their group, as allocations do."""


class Group(Enum):
    """What the host does with a piece of memory during calls."""

    CONSTANT = "constant"
    """Written once: the image."""
    INPUT = "input"
    """Written by each call."""
    OUTPUT = "output"
    """Read by each call."""
    WORKSPACE = "workspace"
    """Neither."""


@dataclass(frozen=True)
class Span:
    """Bytes ``start`` to ``stop`` of the program, which lie from ``place`` on in their group."""

    start: int
    stop: int
    group: Group
    place: int


class Layout:
    """Of one variant.

    Parameters
    ----------
    program, variant : whose.
    words : the commands of the variant's fabric steps, with dynamic sizes at their capacity.
    commands_nbytes : at the start of the inputs, for the command lists of all variants.

    Attributes
    ----------
    spans : all of them, by their start.
    nbytes : of each group.
    read : groups in which outputs lie.
    mixed : groups of inputs in which the accelerator writes as well, so that the host must look before it writes.
    """

    def __init__(
        self,
        program: CompiledProgram,
        variant: Variant,
        words: Iterable[npt.NDArray[np.uint32]],
        commands_nbytes: int,
    ) -> None:
        steps = [step for step in variant.steps if isinstance(step, FabricStep)]
        written = [_reach(placement) for step in steps for placement in step.inputs]
        read = [_reach(placement) for step in steps for placement in step.outputs]
        image = (0, max(program.image.nbytes, 1))
        used = list(_operands(words))
        results = [(start, stop) for start, stop, result in used if result]
        touched = [image, *written, *read, *((start, stop) for start, stop, _ in used)]
        self.read: set[Group] = set()
        self.mixed: set[Group] = set()
        self.nbytes = {group: commands_nbytes if group is Group.INPUT else 0 for group in Group}
        self.spans: list[Span] = []
        for start, stop in _merged(touched):
            group = Group.WORKSPACE
            if start == 0:
                group = Group.CONSTANT
            elif _meets(start, stop, read):
                group = Group.OUTPUT
            elif _meets(start, stop, written):
                group = Group.INPUT
            if _meets(start, stop, read):
                self.read.add(group)
            if _meets(start, stop, written) and _meets(start, stop, results):
                self.mixed.add(group)
            self.spans.append(Span(start, stop, group, self.nbytes[group]))
            self.nbytes[group] += -(-(stop - start) // _PIECE) * _PIECE
        self._starts = np.array([span.start for span in self.spans], np.int64)

    def span(self, offset: int) -> Span:
        """The span of a byte that a command or the host touches."""
        return self.spans[int(np.searchsorted(self._starts, offset, "right")) - 1]

    def moved(self, placement: Placement) -> tuple[Group, Placement]:
        """The group of a value, and its placement relative to the group's memory."""
        span = self.span(placement.offset)
        return span.group, replace(placement, offset=placement.offset - span.start + span.place)

    def addresses(self, offsets: npt.NDArray[np.uint32], bases: dict[Group, int]) -> npt.NDArray[np.uint32]:
        """Addresses on the bus of offsets in the program, for groups that begin at ``bases``."""
        shifts = np.array([bases[span.group] + span.place - span.start for span in self.spans], np.int64)
        index = np.searchsorted(self._starts, offsets, "right") - 1
        return np.asarray(offsets.astype(np.int64) + shifts[index], np.uint32)


def _reach(placement: Placement) -> tuple[int, int]:
    return placement.offset, placement.offset + max(placement.nbytes, 1)


def _operands(words: Iterable[npt.NDArray[np.uint32]]) -> Iterator[tuple[int, int, bool]]:
    """What the commands touch, in whole beats, as the bus does; and whether they write it."""
    for commands in words:
        for raw in commands:
            for operand in operands(decode(raw.tobytes())):
                start, stop = operand.address // ALIGNMENT * ALIGNMENT, -(-operand.end // ALIGNMENT) * ALIGNMENT
                yield start, stop, operand.written


def _merged(pieces: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The pieces in order, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(pieces):
        if stop <= start:
            continue
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], stop))
        else:
            found.append((start, stop))
    return found


def _meets(start: int, stop: int, pieces: Iterable[tuple[int, int]]) -> bool:
    return any(first < stop and start < last for first, last in pieces)
