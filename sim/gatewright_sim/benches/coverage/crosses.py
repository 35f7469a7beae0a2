"""Which points are crossed, by opcode: where two meet, a mechanism of the engine may go wrong."""

from __future__ import annotations

from itertools import product

from gatewright.spec.commands import ATTENTION, GEMM, VECTOR, GemmFlags, Opcode
from gatewright.spec.config import get_config
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright_sim.benches.coverage.points import ALONE, ERROR, HELD, LATENCY, Point, choice, flag, flags, near, size

__all__ = ["CROSSES", "Cross"]

Cross = tuple[Point, ...]
"""Every bin of each point with every bin of the others."""


def _pairs(points: Cross, others: Cross) -> tuple[Cross, ...]:
    return tuple(product(points, others))


_MEMORY = (HELD, ALONE, LATENCY)

_GEMM_SIZES = (
    size("m", lambda config: config.array_rows, None),
    size("n", lambda config: config.array_cols, None),
    size("k", lambda _: BUS_BYTES, lambda config: config.gemm_max_k),
)
_QUERIES = size("seq_q", lambda config: config.array_rows, None)
_KEYS = size("seq_kv", lambda config: config.array_cols, lambda config: config.max_seq)
_WIDTH = Point(
    "head_dim",
    ("8", "between", "most"),
    lambda sample: {8: "8", sample.config.max_head_dim: "most"}.get(sample.command["head_dim"], "between"),
)
_HEADS = Point("heads", ("1", "2", "more"), lambda sample: {1: "1", 2: "2"}.get(sample.command["heads"], "more"))
_FEATURES = size("features", lambda _: BUS_BYTES, lambda config: config.max_features)
_EDGES = Point("nnz", ("0", "1", "more"), lambda sample: {0: "0", 1: "1"}.get(sample.command["nnz"], "more"))
_FUNCTION, _COMBINE = choice("function", Function), choice("combine", Combine)
_COLUMNS = size("cols", lambda config: config.vector_lanes, lambda config: config.max_columns)
_TYPES = tuple(choice(f"{operand}_type", ElementType) for operand in "aby")

_CONFIG = get_config("tiny")
_EPILOGUE = GemmFlags.EPILOGUE
_AFTER = (
    choice("function", (Function.NONE, Function.TABLE), _EPILOGUE),
    choice("combine", Combine, _EPILOGUE),
    choice("c_type", (ElementType.INT8, ElementType.INT16), _EPILOGUE),
    flag(GemmFlags.PER_COLUMN, _EPILOGUE),
)

CROSSES: dict[Opcode, tuple[Cross, ...]] = {
    Opcode.GEMM: (
        *_pairs((flags(GEMM, _CONFIG, _EPILOGUE),), (*_GEMM_SIZES, *_MEMORY)),
        tuple(map(near, _GEMM_SIZES)),
        _AFTER,
        *_pairs(_AFTER[:2], _MEMORY),
    ),
    Opcode.ATTENTION: (
        *_pairs((flags(ATTENTION, _CONFIG),), (_QUERIES, _KEYS, _WIDTH, *_MEMORY)),
        (_QUERIES, _KEYS),
        (_HEADS, _WIDTH),
    ),
    Opcode.AGGREGATE: (*_pairs((_FEATURES,), _MEMORY), (ERROR, HELD), (_EDGES, _FEATURES)),
    Opcode.VECTOR: (
        *_pairs((_FUNCTION,), (_COMBINE, _COLUMNS, flags(VECTOR, _CONFIG), _TYPES[2], *_MEMORY)),
        _TYPES,
        (_COMBINE, ALONE),
    ),
}
