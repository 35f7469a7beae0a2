"""Places buffers in one allocation: constants one after the other, all others by the time in which they hold a value.

Two buffers may share bytes when the last command that touches one comes before the first that touches the other. The
largest buffers are placed first, each in the lowest gap that holds it: the greedy-by-size planner of Pisarchyk and Lee,
"Efficient Memory Management for Deep Neural Net Inference" (2020).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatewright.compiler.fabric.kernels import Buffer, Kernel

__all__ = ["BUFFER_ALIGNMENT", "Lifetime", "align", "constant_lifetimes", "lifetimes", "place_apart", "place_constants"]

BUFFER_ALIGNMENT = 64


def align(nbytes: int) -> int:
    """The next multiple of the alignment of buffers."""
    return -(-nbytes // BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT


@dataclass(frozen=True)
class Lifetime:
    """The first and the last command at which a buffer must keep its bytes."""

    first: int
    last: int

    def meets(self, other: Lifetime) -> bool:
        """Whether both hold a value at some command."""
        return self.first <= other.last and other.first <= self.last


def lifetimes(kernels: Sequence[Kernel]) -> dict[Buffer, Lifetime]:
    """Of every buffer that is not a constant. Inputs live from the start, outputs until the end."""
    spans = {buffer: span for buffer, span in _uses(kernels).items() if buffer.role != "constant"}
    end = len(kernels)
    for buffer, span in spans.items():
        if buffer.role == "input":
            spans[buffer] = Lifetime(-1, span.last)
        elif buffer.role == "output":
            spans[buffer] = Lifetime(span.first, end)
    return spans


def constant_lifetimes(kernels: Sequence[Kernel]) -> dict[Buffer, Lifetime]:
    """Of every constant: from its first reader to its last, for the memory map."""
    return {buffer: span for buffer, span in _uses(kernels).items() if buffer.role == "constant"}


def _uses(kernels: Sequence[Kernel]) -> dict[Buffer, Lifetime]:
    """The first and the last command that touch each buffer."""
    uses: dict[Buffer, Lifetime] = {}
    for index, kernel in enumerate(kernels):
        for buffer in (*kernel.inputs, kernel.output):
            first = uses[buffer].first if buffer in uses else index
            uses[buffer] = Lifetime(first, index)
    return uses


def place(spans: Mapping[Buffer, Lifetime], base: int) -> tuple[dict[Buffer, int], int]:
    """Offsets from ``base`` on, and the end of the highest buffer."""
    offsets: dict[Buffer, int] = {}
    end = base
    for buffer in sorted(spans, key=lambda each: (-each.nbytes, spans[each].first)):
        rivals = sorted((offsets[other], align(other.nbytes)) for other in offsets if spans[other].meets(spans[buffer]))
        offset = base
        for start, nbytes in rivals:
            if offset + align(buffer.nbytes) <= start:
                break
            offset = max(offset, start + nbytes)
        offsets[buffer] = offset
        end = max(end, offset + align(buffer.nbytes))
    return offsets, end


def place_apart(spans: Mapping[Buffer, Lifetime], base: int) -> tuple[dict[Buffer, int], int]:
    """Offsets as from :func:`place`, inputs before outputs before the rest.

    No two kinds share bytes: a board moves inputs and outputs between host and accelerator, and nothing else.
    """
    offsets: dict[Buffer, int] = {}
    for kinds in (("input",), ("output",), ("workspace",)):
        found, base = place({buffer: span for buffer, span in spans.items() if buffer.role in kinds}, base)
        offsets |= found
    return offsets, base


def place_constants(buffers: Iterable[Buffer], base: int) -> tuple[dict[Buffer, int], int]:
    """Offsets of constants one after the other; equal bytes share one place."""
    offsets: dict[Buffer, int] = {}
    seen: dict[bytes, int] = {}
    for buffer in buffers:
        if buffer in offsets:
            continue
        assert buffer.data is not None
        key = buffer.data.tobytes()
        if key not in seen:
            seen[key] = base
            base += align(buffer.nbytes)
        offsets[buffer] = seen[key]
    return offsets, base
