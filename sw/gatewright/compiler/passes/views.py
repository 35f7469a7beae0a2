"""Chains of operators that only move elements become as short as they can be."""

from collections.abc import Mapping
from itertools import permutations

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.graph_access import constant_of, maker_of, operand
from gatewright.compiler.passes.rewriting import Pass, array, bypass, elements, emit, replace

__all__ = ["SimplifyViews", "view_source"]

_Indices = npt.NDArray[np.int64]
_RESHAPES = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity"}
_AXES = 5  # of a transposition that is looked for
_SAMPLE = 17  # elements that are compared first
_LARGEST = 1 << 24  # elements of a value that is looked at
_PRIMES = (11, 19, 41, 79, 157, 317)  # stand for dynamic sizes


class SimplifyViews(Pass):
    """Before: Reshape, Transpose, Squeeze, Unsqueeze, Flatten, Slice, Split, and Gather by constants, in any order.

    After: nothing, or a Reshape, or a Transpose or a Slice and maybe a Reshape, wherever a value of the chain is just
    that of an earlier value. What a chain does is found by sending the positions of the elements through it.
    """

    def rewrite(self, model: ir.Model) -> bool:
        changed = False
        for node in list(model.graph):
            if view_source(node) is None:
                continue
            for output in node.outputs:
                changed |= (bool(output.uses()) or output.is_graph_output()) and _shorten(model.graph, output)
        return changed


def view_source(node: ir.Node | None) -> ir.Value | None:
    """The value whose elements ``node`` only moves, or None."""
    if node is None or node.domain or not node.inputs or array(node.inputs[0]) is not None:
        return None
    if node.op_type in _RESHAPES | {"Transpose", "Split"}:
        return node.inputs[0]
    constant = all(array(value) is not None for value in node.inputs[1:] if value is not None)
    return node.inputs[0] if node.op_type in ("Slice", "Gather") and constant else None


def _shorten(graph: ir.Graph, value: ir.Value) -> bool:
    chain: list[ir.Value] = [value]
    while (source := view_source(chain[-1].producer())) is not None:
        chain.append(source)
    numbers = _numbers(chain)
    for length in range(len(chain) - 1, 0, -1):
        source = chain[length]
        shapes = [_shape(each, numbers) for each in chain[: length + 1]]
        known = [shape for shape in shapes if shape is not None and np.prod(shape) <= _LARGEST]
        if len(known) < len(shapes):
            continue
        moved = np.arange(int(np.prod(known[length])), dtype=np.int64).reshape(known[length])
        for index in range(length - 1, -1, -1):
            moved = _apply(chain[index], moved, known[index])
        if _replace(graph, value, source, moved, known[length], length):
            return True
    return False


def _numbers(chain: list[ir.Value]) -> Mapping[str, int]:
    """A size for each dynamic dimension of the chain."""
    names = sorted({str(size) for value in chain for size in value.shape or () if not isinstance(size, int)})
    return dict(zip(names, _PRIMES, strict=False))


def _shape(value: ir.Value, numbers: Mapping[str, int]) -> tuple[int, ...] | None:
    if value.shape is None:
        return None
    found = [size if isinstance(size, int) else numbers.get(str(size), 0) for size in value.shape]
    return tuple(found) if all(found) else None


def _apply(output: ir.Value, data: _Indices, shape: tuple[int, ...]) -> _Indices:
    node = maker_of(output)
    if node.op_type == "Transpose":
        return data.transpose(node.attributes.get_ints("perm", range(data.ndim)[::-1]))
    if node.op_type == "Split":
        axis = node.attributes.get_int("axis", 0) or 0
        before = node.outputs[: node.outputs.index(output)]
        begin = sum(elements(each, axis) or 0 for each in before)
        return data.take(range(begin, begin + shape[axis]), axis)
    if node.op_type == "Gather":
        index = constant_of(operand(node, 1))
        return data.take(index.astype(np.int64), node.attributes.get_int("axis", 0))
    if node.op_type == "Slice":
        return data[_slices(node, data.ndim)]
    return data.reshape(shape)


def _slices(node: ir.Node, rank: int) -> tuple[slice, ...]:
    starts, ends = ([int(place) for place in constant_of(operand(node, at)).reshape(-1)] for at in (1, 2))
    axes, steps = (
        None if constant is None else [int(number) for number in constant.reshape(-1)]
        for constant in (array(value) for value in [*node.inputs[3:], None, None][:2])
    )
    chosen = [slice(None)] * rank
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        axis, step = axes[at] if axes else at, steps[at] if steps else 1
        past_front = step < 0 and end < -(1 << 30)
        chosen[axis % rank] = slice(start, None if past_front else end, step)
    return tuple(chosen)


def _replace(
    graph: ir.Graph, value: ir.Value, source: ir.Value, moved: _Indices, shape: tuple[int, ...], length: int
) -> bool:
    """Put the shortest equal chain from ``source`` to ``value``, if that has less than ``length`` nodes."""
    node, flat = value.producer(), moved.reshape(-1)
    if node is None or value.dtype != source.dtype or value.shape is None or source.shape is None:
        return False
    move, after, plainer = "", list(source.shape), node.op_type == "Transpose"
    operands: list[npt.NDArray[np.int64]] = []
    attributes: dict[str, tuple[int, ...]] = {}
    if flat.size == np.prod(shape) and np.array_equal(flat, np.arange(flat.size)):
        if moved.shape == shape:
            return bypass(node, source)
    elif (perm := _as_transpose(flat, shape)) is not None:
        move, after, attributes, plainer = "Transpose", [source.shape[axis] for axis in perm], {"perm": perm}, False
    elif (piece := _as_slice(flat, shape)) is not None:
        axis, begin, size = piece
        move, plainer = "Slice", node.op_type in ("Gather", "Split")
        after[axis] = size
        operands = [np.array([each], np.int64) for each in (begin, begin + size, axis)]
    else:
        return False
    target = _target(value.shape) if after != list(value.shape) else None
    if after != list(value.shape) and target is None:
        return False
    if bool(move) + (target is not None) >= length and not plainer:
        return False
    new, last = source, node
    for op_type, given in ((move, operands), ("Reshape" if target is not None else "", [target])):
        if op_type:
            mine = attributes if op_type == "Transpose" else {}
            new = emit(op_type, [new, *given], last, graph, attributes=mine, shape=after, dtype=source.dtype)
            last = new.producer() or node
    replace(value, new)
    return True


def _as_transpose(flat: _Indices, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of axes in which the elements of ``shape`` are ``flat``."""
    if len(shape) > _AXES or flat.size != np.prod(shape):
        return None
    positions = np.arange(flat.size, dtype=np.int64).reshape(shape)
    sample = np.linspace(0, flat.size - 1, _SAMPLE, dtype=np.int64)
    for perm in permutations(range(len(shape))):
        turned = positions.transpose(perm)
        places = np.unravel_index(sample, turned.shape)
        if (turned[places] == flat[sample]).all() and np.array_equal(turned.reshape(-1), flat):
            return perm
    return None


def _as_slice(flat: _Indices, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(axis, begin, size) of the range of one axis that the elements ``flat`` of ``shape`` are, in order."""
    positions = np.arange(int(np.prod(shape)), dtype=np.int64).reshape(shape)
    for axis in range(len(shape) - 1, -1, -1):
        size, rest = divmod(flat.size * shape[axis], positions.size)
        if rest or not size:
            continue
        begin = int(np.unravel_index(flat[0], shape)[axis])
        if np.array_equal(positions.take(range(begin, min(begin + size, shape[axis])), axis).reshape(-1), flat):
            return axis, begin, size
    return None


def _target(shape: ir.Shape) -> npt.NDArray[np.int64] | None:
    """The constant that a Reshape to ``shape`` needs; None with several dynamic sizes."""
    target = [size if isinstance(size, int) else -1 for size in shape]
    return np.array(target, np.int64) if target.count(-1) <= 1 else None
