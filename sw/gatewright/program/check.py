"""What must hold in a program before anything of it is written or loaded, whoever made it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatewright.program.compiled import (
    BIT,
    CompiledProgram,
    FabricStep,
    HostStep,
    Patch,
    Placement,
    Value,
    Variant,
    dimension,
    shape_at,
)
from gatewright.program.errors import DamagedProgram, UnsupportedProgram
from gatewright.spec.commands import COMMAND_WORDS, COMMANDS, FLAGS_LSB, DecodedCommand, Kind, decode
from gatewright.spec.config import SPEC_VERSION
from gatewright.spec.errors import SpecError
from gatewright.spec.extents import operands
from gatewright.spec.memory import ALIGNMENT, COMMAND_BYTES

__all__ = ["check", "command_words", "nodes_of"]

_ADDRESS_SPACE = 1 << 32
_ELEMENTS = ("int8", "uint8", "int16", "int32", "uint32", BIT)
_KINDS = "biuf"


def check(program: CompiledProgram) -> None:
    """Hold a program against itself and this release's contract.

    Raises :class:`UnsupportedProgram` for another contract and :class:`DamagedProgram` naming the field at fault.
    """
    major, minor = program.spec_version
    if major != SPEC_VERSION[0] or minor > SPEC_VERSION[1]:
        raise UnsupportedProgram(
            f"program {program.name!r} is of contract version {major}.{minor}, this release speaks {SPEC_VERSION[0]}.0 "
            f"to {SPEC_VERSION[0]}.{SPEC_VERSION[1]}"
        )
    _within("nbytes", program.nbytes, program.image.nbytes, _ADDRESS_SPACE)
    if program.image.dtype != np.uint8 or program.image.ndim != 1:
        raise DamagedProgram(f"image is {program.image.dtype} of shape {program.image.shape}, allowed: uint8, a vector")
    _within("the number of variants", len(program.variants), 1, 1 << 16)
    first = program.variants[0]
    for index, variant in enumerate(program.variants):
        path = f"variants[{index}]"
        if (variant.inputs, variant.outputs) != (first.inputs, first.outputs):
            raise DamagedProgram(f"{path} has other inputs or outputs than variants[0]: must be equal")
        _variant(path, variant, program)


def command_words(image: npt.NDArray[np.uint8], step: FabricStep) -> npt.NDArray[np.uint32]:
    """A step's commands in the image, uint32 [count, 16]."""
    raw = image[step.offset : step.offset + COMMAND_BYTES * step.count]
    return np.frombuffer(raw.data, "<u4").reshape(step.count, COMMAND_WORDS)


def nodes_of(step: FabricStep) -> list[str]:
    """For each command the name of its node; empty where no layer has it."""
    nodes = [""] * step.count
    for layer in step.layers:
        nodes[layer.first : layer.first + layer.count] = [layer.node] * layer.count
    return nodes


def _within(path: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise DamagedProgram(f"{path} is {value}, allowed {low}..{high}")


def _one_of(path: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise DamagedProgram(f"{path} is {value!r}, allowed: {', '.join(allowed) or 'none'}")


def _variant(path: str, variant: Variant, program: CompiledProgram) -> None:
    for kind, sizes in (("dims", variant.dims), ("capacity", variant.capacity)):
        for name, size in sizes.items():
            _within(f"{path}.{kind}.{name}", size, 1, _ADDRESS_SPACE)
    names = [*variant.dims, *variant.capacity]
    for value in (*variant.inputs, *variant.outputs):
        _value(f"{path}.{value.name}", value, names)
    known = {value.name for value in variant.inputs}
    for index, step in enumerate(variant.steps):
        inputs, outputs = (_names(values) for values in (step.inputs, step.outputs))
        for name in inputs:
            _one_of(f"{path}.steps[{index}].inputs", name, sorted(known))
        known |= set(outputs)
        if isinstance(step, FabricStep):
            _fabric(f"{path}.steps[{index}]", step, variant, program)
        else:
            _host(f"{path}.steps[{index}]", step)
    for value in variant.outputs:
        _one_of(f"{path}.outputs", value.name, sorted(known))


def _names(values: Sequence[Placement | str]) -> list[str]:
    return [value.name if isinstance(value, Placement) else value for value in values]


def _value(path: str, value: Value | Placement, names: Sequence[str]) -> None:
    try:
        kind = np.dtype(value.dtype).kind
    except TypeError:
        kind = "?"
    if kind not in _KINDS:
        raise DamagedProgram(f"{path}.dtype is {value.dtype!r}, allowed: a type of truth values, integers or floats")
    for size in value.shape:
        if isinstance(size, str):
            _one_of(f"{path}.shape", dimension(size)[0], names)
        else:
            _within(f"{path}.shape", size, 0, _ADDRESS_SPACE)


def _host(path: str, step: HostStep) -> None:
    if len(step.reasons) != len(step.nodes):
        raise DamagedProgram(
            f"{path}.reasons has {len(step.reasons)} entries, allowed: one per node, {len(step.nodes)}"
        )


def _fabric(path: str, step: FabricStep, variant: Variant, program: CompiledProgram) -> None:
    _within(f"{path}.count", step.count, 1, program.image.nbytes // COMMAND_BYTES)
    _within(f"{path}.offset", step.offset, 0, program.image.nbytes - COMMAND_BYTES * step.count)
    _aligned(f"{path}.offset", step.offset, COMMAND_BYTES)
    for placement in step.inputs:  # written by the host
        _placement(f"{path}.{placement.name}", placement, variant, program.image.nbytes, program.nbytes)
    for placement in step.outputs:
        _placement(f"{path}.{placement.name}", placement, variant, 0, program.nbytes)
    for layer in step.layers:
        _within(f"{path}.layers: first of {layer.node!r}", layer.first, 0, step.count)
        _within(f"{path}.layers: count of {layer.node!r}", layer.count, 0, step.count - layer.first)
    words = command_words(program.image, step).copy()
    _opcodes(path, words)
    for patch in step.patches:
        _patch(f"{path}.patches", patch, step, words, variant)
    nodes = nodes_of(step)
    for index, raw in enumerate(words):
        _extents(f"{path}: command {index}", nodes[index], decode(raw.tobytes()), program)


def _aligned(path: str, value: int, multiple: int) -> None:
    if value % multiple:
        raise DamagedProgram(f"{path} is {value}, allowed: multiples of {multiple}")


def _placement(path: str, placement: Placement, variant: Variant, low: int, nbytes: int) -> None:
    _value(path, placement, list(variant.capacity))
    _one_of(f"{path}.element", placement.element, _ELEMENTS)
    full = shape_at(placement.shape, variant.capacity)
    elements = int(np.prod(full, dtype=object))
    if elements != placement.rows * placement.cols:
        matrix = f"{placement.rows} x {placement.cols}"
        raise DamagedProgram(f"{path}.shape has {elements} elements, allowed: rows times cols, {matrix}")
    dynamic = [axis for axis, size in enumerate(placement.shape) if isinstance(size, str)]
    if dynamic and any(size != 1 for size in full[: dynamic[-1]]):
        raise DamagedProgram(f"{path}.shape is {placement.shape}, allowed: only 1 before a dynamic size")
    if placement.rows > 1 and dynamic and placement.cols != int(np.prod(full[dynamic[-1] + 1 :], dtype=object)):
        raise DamagedProgram(f"{path}.cols is {placement.cols}, allowed: all elements of one dynamic entry")
    _aligned(f"{path}.offset", placement.offset, ALIGNMENT)
    _aligned(f"{path}.stride", placement.stride, ALIGNMENT)
    _within(f"{path}.stride", placement.stride, placement.row_bytes if placement.rows > 1 else 0, nbytes)
    _within(f"{path}.offset", placement.offset, low, nbytes - placement.nbytes)
    if len(placement.scale) not in (0, 1, placement.cols) or not all(0 < s < np.inf for s in placement.scale):
        allowed = f"none, 1 or {placement.cols}, all above 0 and finite"
        raise DamagedProgram(f"{path}.scale has {len(placement.scale)} entries, allowed: {allowed}")
    if not np.isfinite(placement.fill):
        raise DamagedProgram(f"{path}.fill is {placement.fill}, allowed: finite numbers")


def _opcodes(path: str, words: npt.NDArray[np.uint32]) -> None:
    opcodes = words[:, 0] & ((1 << FLAGS_LSB) - 1)
    unknown = np.flatnonzero(~np.isin(opcodes, list(COMMANDS)))
    if unknown.size:
        raise DamagedProgram(f"{path}: command {unknown[0]} has the unknown opcode {opcodes[unknown[0]]}")


def _extents(path: str, node: str, command: DecodedCommand, program: CompiledProgram) -> None:
    """All that a command touches lies in the allocation; what it writes, behind the image, one row after the other."""
    path = f"{path} ({command.spec.name}, node {node!r})"
    for field in command.spec.fields:
        if field.kind is Kind.ADDRESS:
            _within(f"{path}: {field.name}", command[field.name], 0, program.nbytes - 1)
    for operand in operands(command):
        low = program.image.nbytes if operand.written else 0
        if operand.address < low or operand.end > program.nbytes:
            what = "written" if operand.written else "read"
            raise DamagedProgram(
                f"{path}: {operand.field} has bytes {operand.address} to {operand.end} {what}, allowed "
                f"{low} to {program.nbytes}"
            )
        if operand.written and operand.rows > 1 and operand.stride < operand.row_bytes:
            stride = operand.field.replace("_addr", "_stride")
            raise DamagedProgram(f"{path}: {stride} is {operand.stride}, allowed: at least {operand.row_bytes}, a row")


def _patch(path: str, patch: Patch, step: FabricStep, words: npt.NDArray[np.uint32], variant: Variant) -> None:
    _within(f"{path}: command", patch.command, 0, step.count - 1)
    _one_of(f"{path}: dim", patch.dim, list(variant.capacity))
    try:
        field = COMMANDS[int(words[patch.command, 0]) & ((1 << FLAGS_LSB) - 1)].field(patch.field)
    except SpecError as error:
        raise DamagedProgram(f"{path}: {error}") from error
    if field.kind not in (Kind.SIZE, Kind.COUNT):
        raise DamagedProgram(f"{path}: {patch.field} is of kind {field.kind.value}, allowed: size or count")
    most = variant.capacity[patch.dim] + patch.addend
    _within(f"{path}: {patch.field} at capacity", most, 0, field.range[1])
    words[patch.command, field.word] = field.insert(int(words[patch.command, field.word]), most)
