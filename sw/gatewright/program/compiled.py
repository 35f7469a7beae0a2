"""A compiled program: one image for device memory, and the steps of a call.

All that a program keeps in device memory lies in one allocation of ``nbytes`` bytes: first the image (command lists and
constants), then inputs, outputs and workspace. Every address in the image's commands is relative to the allocation's
start; a loader adds the start to each ADDRESS field once. A call converts its inputs, patches the few command fields
that depend on dynamic sizes, and rings once for each fabric step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gatewright.spec.memory import ALIGNMENT

__all__ = [
    "BIT",
    "FORMAT_VERSION",
    "CompiledProgram",
    "FabricStep",
    "HostStep",
    "Layer",
    "Patch",
    "Placement",
    "Region",
    "Step",
    "Value",
    "Variant",
    "dimension",
    "shape_at",
]

FORMAT_VERSION = 2
"""Of the program file. A reader refuses another one."""

BIT = "bit"
"""The element of a mask."""


_DYNAMIC = re.compile(r"(?P<name>.+?)(?: (?P<sign>[+-]) (?P<number>\d+))?")


@lru_cache(maxsize=1024)
def dimension(size: str) -> tuple[str, int]:
    """Name and addend of a dynamic size: "edges" or, for example, "pointers - 1"."""
    found = _DYNAMIC.fullmatch(size)
    return (size, 0) if found is None else (found["name"], int(f"{found['sign'] or ''}{found['number'] or 0}"))


def shape_at(shape: Sequence[int | str], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A shape with sizes in the places of names."""
    found = []
    for each in shape:
        if isinstance(each, str):
            name, addend = dimension(each)
            found.append(sizes[name] + addend)
        else:
            found.append(each)
    return tuple(found)


@dataclass(frozen=True)
class Placement:
    """Where a value of the model lies on the device, and how its elements are written.

    Attributes
    ----------
    name : of the value in the model.
    dtype : numpy name of the type that the host sees, such as "float32" or "int64".
    shape : that the host sees, with the variant's bucket sizes; a name, or one plus or minus a number, stands for a
        dynamic size (:attr:`Variant.capacity`), where no dimension before it is larger than 1.
    offset, stride : bytes from the allocation's start, and from row to row; multiples of 8.
    rows, cols : the matrix in memory (at capacity), the elements of ``shape`` in their order.
    element : numpy name of the type in memory ("int8", "uint8", "int16", "int32", "uint32"), or "bit" for a mask:
        each row a little-endian bit string, padded to 8 bytes.
    scale : real value of one unit, for all columns or one per column; empty where integers are stored as they are.
    zero_point : the stored integer that stands for 0; 1 for bits that are the opposite of the mask.
    limit : stored integers are indices below it, negative ones count from its end; 0 where no such rule holds.
    fill : what the host pads with, in its own units, where a dynamic size is below its capacity.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    offset: int
    stride: int
    rows: int
    cols: int
    element: str
    scale: tuple[float, ...] = ()
    zero_point: int = 0
    limit: int = 0
    fill: float = 0.0

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, without what pads it to the stride."""
        if self.element == BIT:
            return -(-self.cols // (8 * ALIGNMENT)) * ALIGNMENT
        return self.cols * np.dtype(self.element).itemsize

    @property
    def nbytes(self) -> int:
        """Bytes from the first to the last."""
        return max(self.rows - 1, 0) * self.stride + self.row_bytes


@dataclass(frozen=True)
class Value:
    """An input or output of the model.

    Attributes
    ----------
    name, dtype : as of :class:`Placement`.
    shape : a name stands for a bucketed dimension (:attr:`Variant.dims`) or a dynamic size (:attr:`Variant.capacity`);
        the latter may have a number added, as in "pointers - 1".
    fill : what an input is padded with up to the bucket's size; outputs are cut to the size of the inputs.
    error : of an output, as that of a :class:`Layer`; each variant's has its own.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    fill: float = 0.0
    error: float = field(default=float("nan"), compare=False)


@dataclass(frozen=True)
class Patch:
    """Before a call, ``field`` of command ``command`` of the step becomes the dynamic size ``dim`` plus ``addend``."""

    command: int
    field: str
    dim: str
    addend: int = 0


@dataclass(frozen=True)
class Layer:
    """What an inspection shows of some consecutive commands of a step.

    Attributes
    ----------
    node : name of the model's node that they compute.
    operator : its type.
    first, count : commands; none where another node's command, the one before ``first``, computes this one as well.
    error : root mean square error against float, relative to the root mean square of the float values, of some
        calibration inputs; NaN where it was not measured, infinity where it has no bound.
    own : what of it the layer itself makes, for operands as they are on the device.
    """

    node: str
    operator: str
    first: int
    count: int
    error: float = float("nan")
    own: float = float("nan")


@dataclass(frozen=True)
class FabricStep:
    """A command list: one doorbell.

    Attributes
    ----------
    offset, count : of the commands in the image: bytes, a multiple of 64, and how many.
    inputs, outputs : values of the model that are written before and read after it.
    """

    offset: int
    count: int
    inputs: tuple[Placement, ...]
    outputs: tuple[Placement, ...]
    patches: tuple[Patch, ...] = ()
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True)
class HostStep:
    """Nodes that the fabric lacks, run by ONNX Runtime.

    Attributes
    ----------
    model : a serialised ONNX model.
    inputs, outputs : names of values.
    nodes : names of the nodes.
    reasons : for each node why it is not on the fabric.
    """

    model: bytes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[str, ...]
    reasons: tuple[str, ...]


Step = FabricStep | HostStep


@dataclass(frozen=True)
class Region:
    """A piece of the allocation, for the memory map: ``kind`` is commands, constant, input, output or workspace.

    ``first`` and ``last`` are the steps' commands, counted through all steps, between which it holds a value.
    """

    name: str
    kind: str
    offset: int
    nbytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Variant:
    """A program for one choice of the bucketed dimensions.

    Attributes
    ----------
    dims : bucketed dimensions by name; inputs are padded up to them.
    capacity : the largest value of each dynamic size.
    inputs, outputs : of the model, in its order. Between steps a value has the bucket's size, and the actual one of
        dynamic sizes.
    """

    dims: dict[str, int]
    capacity: dict[str, int]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    steps: tuple[Step, ...]
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, eq=False)
class CompiledProgram:
    """A whole program.

    Attributes
    ----------
    name : of the model.
    config, config_hash : the configuration that it is compiled for.
    spec_version : the contract's.
    image : uint8, what lies at the start of the allocation.
    nbytes : of the allocation.
    variants : with rising bucket sizes; the first that holds a call's inputs runs.
    """

    name: str
    config: str
    config_hash: int
    spec_version: tuple[int, int]
    image: npt.NDArray[np.uint8] = field(repr=False)
    nbytes: int
    variants: tuple[Variant, ...]
