"""Run a piece of the model on chosen inputs, to see what it means."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.passes.rewriting import array, sizes
from gatewright.program.onnx_session import OnnxSession

__all__ = ["ancestors", "evaluate", "evaluator", "mask_sources", "probe_masks"]

_LONGEST_RUN = 60.0  # seconds
_KEYS = 48  # single positions that are probed, at most
_RANDOM = 6
_FLAGS = {ir.DataType.BOOL, ir.DataType.INT64, ir.DataType.INT32, ir.DataType.FLOAT}


def ancestors(values: Sequence[ir.Value]) -> list[ir.Value]:
    """All that ``values`` are computed from, themselves first; constants left out."""
    seen: dict[ir.Value, None] = {}
    waiting = list(values)
    while waiting:
        value = waiting.pop(0)
        if value in seen or array(value) is not None:
            continue
        seen[value] = None
        node = value.producer()
        if node is not None:
            waiting += [each for each in node.inputs if each is not None]
    return list(seen)


def mask_sources(values: Sequence[ir.Value], batch: int, tokens: int) -> Iterator[ir.Value]:
    """Values of ``batch`` x ``tokens`` flags from which alone ``values`` are computed: the likeliest mask first.

    Flags are bool, or an input of the model whose numbers are 0 and 1 by convention.
    """
    above = ancestors(values)
    fitting = [value for value in above if _is_flags(value, batch, tokens)]
    ranked = sorted(fitting, key=lambda value: (sizes(value) != (batch, tokens), value.dtype != ir.DataType.BOOL))
    yield from (value for value in ranked if _depends_only(values, value))


def _is_flags(value: ir.Value, batch: int, tokens: int) -> bool:
    shape = sizes(value)
    if shape is None or value.dtype not in _FLAGS or not (value.dtype == ir.DataType.BOOL or value.is_graph_input()):
        return False
    return int(np.prod(shape)) == batch * tokens and shape[-1] == tokens and (shape[0] == batch or len(shape) == 1)


def _depends_only(values: Sequence[ir.Value], source: ir.Value) -> bool:
    waiting, seen = list(values), {source}
    while waiting:
        value = waiting.pop()
        if value in seen or array(value) is not None:
            continue
        seen.add(value)
        node = value.producer()
        if node is None:
            return False
        waiting += [each for each in node.inputs if each is not None]
    return True


def probe_masks(batch: int, tokens: int) -> npt.NDArray[np.bool_]:
    """Masks that tell meanings apart: all, single positions (a sample of many), random ones; [n, batch, tokens]."""
    generator = np.random.default_rng(0)
    keys = np.arange(tokens) if tokens <= _KEYS else np.sort(generator.choice(tokens, _KEYS, replace=False))
    single = np.arange(tokens) == keys[:, None]
    random = generator.random((_RANDOM, batch, tokens)) < 0.5
    every = np.ones((1, batch, tokens), bool)
    return np.concatenate([every, np.repeat(single[:, None], batch, axis=1), random])


def evaluate(
    model: ir.Model, values: Sequence[ir.Value], source: ir.Value | None, feeds: npt.NDArray[np.bool_]
) -> list[list[npt.NDArray[Any]]]:
    """``values`` for each of ``feeds`` given to ``source``, by onnxruntime; constants come as they are."""
    constants = [array(value) for value in values]
    wanted = [
        value for value, constant in zip(values, constants, strict=True) if constant is None and value is not source
    ]
    computed: list[Mapping[ir.Value, npt.NDArray[Any]]] = [{} for _ in feeds]
    if source is not None:
        shape, kind = sizes(source), source.dtype
        assert shape is not None and kind is not None and source.name is not None
        arrays = [feed.reshape(shape).astype(kind.numpy()) for feed in feeds]
        compute = evaluator(model, wanted, [source]) if wanted else None
        computed = [
            {source: data, **(dict(zip(wanted, compute(data), strict=True)) if compute else {})} for data in arrays
        ]
    return [
        [found[value] if constant is None else constant for value, constant in zip(values, constants, strict=True)]
        for found in computed
    ]


def evaluator(
    model: ir.Model, wanted: Sequence[ir.Value], given: Sequence[ir.Value] = ()
) -> Callable[..., list[npt.NDArray[Any]]]:
    """A function of arrays for ``given`` that computes ``wanted`` by onnxruntime from them and the model's constants.

    It raises `SessionError`, now or when it is called.
    """
    graph = ir.convenience.extract(model.graph, given, list(dict.fromkeys(wanted)))
    piece = ir.Model(graph, ir_version=model.ir_version, functions=list(model.functions.values()))
    piece.opset_imports.update(model.opset_imports)
    session = OnnxSession(ir.to_proto(piece).SerializeToString(), threads=1)
    outputs, inputs = ([value.name or "" for value in values] for values in (wanted, given))
    return lambda *arrays: session.run(outputs, dict(zip(inputs, arrays, strict=True)), _LONGEST_RUN)
