"""A model run on small graphs of many kinds, to see which of its values mean nodes, edges, sizes and weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.passes.probe import ancestors, evaluator
from gatewright.compiler.passes.rewriting import Array, array
from gatewright.program.onnx_session import SessionError

__all__ = ["KINDS", "Probes", "draw"]

KINDS = ("random", "one edge", "ring", "star", "pair")
"""Of graphs: edges at random; all edges 0 -> 0; i -> i + 1; all from one node; 0 -> 1 and 1 -> 0 apart from loops."""

_FIRST, _SECOND = (11, 17, 23, 31, 41), (13, 19, 29, 37, 43)
"""Sizes of the dynamic dimensions, all different, so that a size tells which dimension it is."""


def draw(value: ir.Value, sizes: Mapping[str, int], limit: int, kind: str, rng: np.random.Generator) -> Array:
    """An input for dynamic dimensions of ``sizes``.

    Floats are drawn at random, those of one axis above 0, since they are weights of edges; integers are indices below
    ``limit``, an array [2, edges] of which is a graph of a ``kind``.
    """
    assert value.shape is not None and value.dtype is not None
    shape = tuple(size if isinstance(size, int) else int(str(size.evaluate(dict(sizes)))) for size in value.shape)
    dtype = value.dtype.numpy()
    if not np.issubdtype(dtype, np.integer):
        if dtype == np.bool_:
            return rng.random(shape) < 0.5
        real: Array = rng.random(shape) + 0.1 if len(shape) == 1 else rng.standard_normal(shape)
        return real.astype(dtype)
    if len(shape) != 2 or kind == "random":
        return rng.integers(0, limit, shape).astype(dtype)
    order = np.broadcast_to(np.arange(shape[1]), shape)
    rows = np.arange(shape[0])[:, None]
    if kind == "ring":
        found = order + rows
    elif kind == "star":
        found = order * rows
    elif kind == "pair":
        found = np.where(order < 2, (order + rows) % 2, 0)
    else:
        found = np.zeros(shape, np.int64)
    return np.asarray(found % limit, dtype)


def _choices(bindings: Bindings, inputs: Sequence[ir.Value]) -> Iterator[dict[str, int]]:
    """Sizes for the dynamic dimensions of ``inputs``: each dimension the larger one of any two at least once."""
    names = [name for name in bindings.capacity if any(name in str(value.shape) for value in inputs)]
    for choice in (dict(zip(names, _FIRST, strict=False)), dict(zip(reversed(names), _SECOND, strict=False))):
        if len(choice) < len(names):
            return
        yield {name: min(size, bindings.capacity[name]) for name, size in choice.items()}
        if not names:
            return


class Probes:
    """What the values above ``results`` are on graphs of several kinds and sizes.

    Parameters
    ----------
    model : whose values they are.
    results : of what is to be looked at.
    bindings : have the dynamic dimensions.

    Attributes
    ----------
    inputs : of the model, above the results.
    sizes : of the dynamic dimensions in each run; no run where onnxruntime refuses them all.
    limit : indices below it point to nodes, whatever the run.
    """

    def __init__(self, model: ir.Model, results: Sequence[ir.Value], bindings: Bindings) -> None:
        above = ancestors(results)
        self.inputs = [value for value in above if value.is_graph_input()]
        self.sizes: list[dict[str, int]] = []
        self.limit = 1
        self._values: dict[ir.Value, list[Array]] = {}
        wanted = [value for value in above if value.producer() is not None and value.name]
        try:
            self._run(evaluator(model, wanted, self.inputs), wanted, bindings)
        except (SessionError, ValueError):  # a model that takes no such inputs is none of graphs
            self.sizes = []

    def _run(self, compute, wanted: Sequence[ir.Value], bindings: Bindings) -> None:  # type: ignore[no-untyped-def]
        rng = np.random.default_rng(0)
        indices = any(value.dtype is not None and value.dtype.is_integer() for value in self.inputs)
        for sizes in _choices(bindings, self.inputs):
            limit = None if indices else 1
            for kind in ("one edge", *KINDS) if indices else KINDS[:1]:
                given = [draw(value, sizes, limit or 1, kind, rng) for value in self.inputs]
                found = dict(zip([*self.inputs, *wanted], [*given, *compute(*given)], strict=True))
                if limit is None:
                    limit = min(_pointed(found), default=1)
                    self.limit = limit if not self.sizes else min(limit, self.limit)
                    continue
                self.sizes.append(sizes)
                for value, result in found.items():
                    self._values.setdefault(value, []).append(result)

    def of(self, value: ir.Value | None) -> list[Array] | None:
        """The arrays of a value, one of each run; None where it was not looked at."""
        constant = array(value)
        if constant is not None:
            return [constant] * len(self.sizes)
        found = self._values.get(value) if value is not None else None
        return found if found and all(isinstance(each, np.ndarray) for each in found) else None

    def size(self, numbers: Sequence[int]) -> int | str | None:
        """What a number, different in each run, is: always the same, the size of a dimension, or None."""
        if len(set(numbers)) == 1 and numbers:
            return int(numbers[0])
        for name in self.sizes[0] if self.sizes else ():
            if [each[name] for each in self.sizes] == list(numbers):
                return name
        return None


def _pointed(found: Mapping[ir.Value, Array]) -> Iterator[int]:
    """Rows of what something that is not constant points into."""
    for value in found:
        node = value.producer()
        if node is None or node.domain or node.op_type not in ("Gather", "GatherND", "ScatterElements", "ScatterND"):
            continue
        (table, index), axis = node.inputs[:2], node.attributes.get_int("axis", 0) or 0
        rows = array(table) if array(table) is not None else found.get(table) if table is not None else None
        if rows is not None and rows.ndim and array(index) is None:
            yield rows.shape[axis if node.op_type in ("Gather", "ScatterElements") else 0]
