"""A product's epilogue leaves in memory what the product and a vector command one after the other do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from gatewright.spec.commands import GEMM, VECTOR, GemmFlags, VectorFlags, check, decode, encode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright_sim.commands import EpilogueCommand, Layout
from gatewright_sim.memory import SimulatedMemory

TINY = get_config("tiny")
SIZE = 1 << 18
Run = Callable[[bytes, SimulatedMemory], ErrorCode]
FIELDS = {field.name: 8 for field in GEMM.fields} | {"combine": 0, "function": 0, "c_type": 0}
KINDS = list(product((Function.NONE, Function.TABLE), Combine, (ElementType.INT8, ElementType.INT16)))


def apart(command: bytes, results: int) -> tuple[bytes, bytes]:
    """The product with its results at ``results``, and the vector command that reads them there."""
    one = decode(command)
    fields = {field.name: one[field.name] for field in GEMM.fields if not field.with_flag}
    stride = 8 * -(-2 * one["n"] // 8)
    first = encode(
        GEMM,
        one.flags & ~(GemmFlags.EPILOGUE | GemmFlags.PER_COLUMN),
        **(fields | {"c_addr": results, "c_stride": stride}),
    )
    kept = ("table_addr", "combine", "combine_shift", "function")
    second = encode(
        VECTOR,
        VectorFlags.PER_COLUMN if one.flags & GemmFlags.PER_COLUMN else 0,
        **{name: one[name] for name in kept},
        a_addr=results,
        a_stride=stride,
        a_type=ElementType.INT16,
        a_multiplier=one["p_multiplier"],
        b_addr=one["d_addr"],
        b_stride=one["c_stride"],
        b_type=one["c_type"],
        b_multiplier=one["d_multiplier"],
        y_addr=one["c_addr"],
        y_stride=one["c_stride"],
        y_type=one["c_type"],
        params_addr=one["out_addr"],
        rows=one["m"],
        cols=one["n"],
        epsilon=0,
        epsilon_high=0,
    )
    return first, second


@pytest.mark.parametrize(("function", "combine", "kind"), KINDS)
def test_as_two_commands(
    function: Function, combine: Combine, kind: ElementType, run: Run, rng: np.random.Generator
) -> None:
    for m, n, k in ((1, 8, 5), (11, 40, 33)):
        drawn = EpilogueCommand.of_shape(rng, m, n, k, function=function, combine=combine, kind=kind)
        layout = Layout(rng, SIZE)
        command = drawn.place(layout).command
        results, end = layout.put(np.zeros((m, n), np.int16))
        assert check(command, TINY) == (ErrorCode.NONE, 0)
        together, one_by_one = SimulatedMemory(0, SIZE), SimulatedMemory(0, SIZE)
        for memory in (together, one_by_one):
            memory.array[:] = layout.before
        assert run(command, together) is ErrorCode.NONE
        for each in apart(command, results):
            assert run(each, one_by_one) is ErrorCode.NONE
        one_by_one.array[results:end] = together.array[results:end]
        assert np.array_equal(together.array, one_by_one.array)
        assert np.array_equal(together.array, layout.after)


EPILOGUE = GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.EPILOGUE
INT32 = GemmFlags.OUT_INT32


@pytest.mark.parametrize(
    ("changes", "flags", "code"),
    [
        ({}, EPILOGUE, ErrorCode.NONE),
        ({}, EPILOGUE | GemmFlags.PER_COLUMN, ErrorCode.NONE),
        ({"n": 512}, EPILOGUE, ErrorCode.NONE),
        ({"n": 12}, EPILOGUE, ErrorCode.BAD_SHAPE),
        ({"n": 520}, EPILOGUE, ErrorCode.BAD_SHAPE),
        ({"n": 12}, GemmFlags.PARAMS, ErrorCode.NONE),
        ({"function": Function.LAYER_NORM}, EPILOGUE, ErrorCode.BAD_FLAGS),
        ({"c_type": ElementType.INT32}, EPILOGUE, ErrorCode.BAD_FLAGS),
        ({"combine": 3}, EPILOGUE, ErrorCode.BAD_FLAGS),
        ({"d_addr": 4}, EPILOGUE, ErrorCode.UNALIGNED),
        ({}, GemmFlags.PARAMS | GemmFlags.EPILOGUE, ErrorCode.BAD_FLAGS),
        ({}, INT32 | GemmFlags.EPILOGUE, ErrorCode.BAD_FLAGS),
        ({}, GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.PER_COLUMN, ErrorCode.BAD_FLAGS),
    ],
)
def test_what_is_an_epilogue(changes: dict[str, int], flags: int, code: ErrorCode) -> None:
    assert check(encode(GEMM, flags, **(FIELDS | changes)), TINY)[0] is code


def test_a_configuration_without_epilogues() -> None:
    command = encode(GEMM, EPILOGUE, **FIELDS)
    assert check(command, TINY) == (ErrorCode.NONE, 0)
    assert check(command, get_config("zybo-z7-10")) == (ErrorCode.BAD_FLAGS, 0)
