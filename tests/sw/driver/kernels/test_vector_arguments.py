"""Vector arguments that no accelerator can take are refused on the host, by name, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator, DriverError
from gatewright.spec.fixed import Requantise
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp

A, TABLE = np.zeros((4, 8), np.int16), np.zeros((512, 2), np.int16)
INT16 = ElementType.INT16
ALONE, ADD = VectorOp(INT16), VectorOp(INT16, combine=Combine.ADD)

OPERANDS: dict[str, tuple[tuple[Any, ...], str]] = {
    # tiny: max_columns 256 or more
    "float": (
        (A.astype(np.float32), None, ALONE),
        r"^a is float32 of shape \(4, 8\), allowed: int8, int16, int32 or uint8 with two",
    ),
    "flat": ((A[0], None, ALONE), r"^a is int16 of shape \(8,\), allowed"),
    "list": (([[1]], None, ALONE), "^a is a list, allowed: a numpy array or a DeviceArray"),
    "wide": (
        (np.zeros((1, 4097), np.int8), None, ALONE),
        r"^columns of a \(cols\) is 4097, allowed 1..[0-9]+ \(config 'tiny'\)",
    ),
    "empty": ((A[:0], None, ALONE), "^rows is 0, allowed 1..16777215"),
    "b_type": ((A, A.astype(np.int64), ADD), r"^b is int64 of shape \(4, 8\), allowed: int8, int16, int32 or uint8"),
    "b_columns": ((A, A[:, :3], ADD), "^columns of b is 3, allowed: 8, or 1 to be repeated"),
    "b_rows": ((A, A[:3], ADD), "^rows of b is 3, allowed: 4, or 1 to be repeated"),
    "a_rows": ((A[:3], A, ADD), "^rows of a is 3, allowed: 4, or 1 to be repeated"),
    "b_missing": ((A, None, ADD), "^b is missing, but combine is ADD"),
    "b_given": ((A, A, ALONE), "^b is given, but combine is ALONE"),
    "operation": ((A, None, "add"), "^op is a str, allowed: a VectorOp"),
}
OPERATIONS: dict[str, tuple[dict[str, Any], str]] = {
    "combine": ({"combine": 1}, "^combine is 1, allowed: ALONE, ADD or MULTIPLY"),
    "function": ({"function": "gelu"}, "^function is 'gelu', allowed: NONE, TABLE, LAYER_NORM, RMS_NORM or SOFTMAX"),
    "y_type": ({"y_type": np.int16}, "^y_type is <class 'numpy.int16'>, allowed: INT8, INT16, INT32 or UINT8"),
    "a_multiplier": ({"a_multiplier": 32768}, "^a_multiplier is 32768, allowed: an integer in -32768..32767"),
    "b_multiplier": ({"b_multiplier": 0.5}, "^b_multiplier is 0.5, allowed: an integer in -32768..32767"),
    "combine_shift": ({"combine_shift": 64}, "^combine_shift is 64, allowed: an integer in 0..63"),
    "combine_shift_bool": ({"combine_shift": True}, "^combine_shift is True, allowed: an integer"),
    "epsilon": ({"epsilon": 1 << 48}, "^epsilon is 281474976710656, allowed: an integer in 0..281474976710655"),
    "negative_epsilon": ({"epsilon": -1}, "^epsilon is -1, allowed: an integer in 0"),
    "no_table": ({"function": Function.TABLE}, "^table is missing, but function is TABLE"),
    "table": ({"table": TABLE}, "^table is given, but function is NONE"),
    "table_shape": (
        {"function": Function.TABLE, "table": TABLE[:-1]},
        r"^table is int16 of shape \(511, 2\), allowed: int16 of shape \(512, 2\)",
    ),
    "table_type": ({"function": Function.TABLE, "table": [1, 2]}, "^table is list, allowed: int16 of shape"),
    "out": ({"out": Requantise(1, 8)}, "^out is a Requantise, allowed: a Record"),
    "gain": ({"out": Record(gain=40_000)}, "^gain spans 40000..40000, allowed -32768..32767"),
    "gain_type": ({"out": Record(gain=0.5)}, r"^gain is float64 of shape \(1,\), allowed: integers of shape \(1,\)"),
    "gain_shape": ({"out": Record(gain=np.arange(7))}, r"^gain is int64 of shape \(7,\), allowed: .* \(8,\)"),
    "shift": ({"out": Record(shift=7)}, "^shift spans 7..7, allowed 8..63"),
    "bias": ({"out": Record(bias=1 << 31)}, "^bias spans 2147483648..2147483648, allowed -2147483648..2147483647"),
}


@pytest.mark.parametrize("name", OPERANDS)
def test_operands(name: str, open_accelerator: Callable[..., Accelerator]) -> None:
    operands, message = OPERANDS[name]
    with pytest.raises(DriverError, match=message):
        open_accelerator("golden").vector(*operands)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str, open_accelerator: Callable[..., Accelerator]) -> None:
    operation, message = OPERATIONS[name]
    with pytest.raises(DriverError, match=message):
        open_accelerator("golden").vector(A, None, VectorOp(**({"y_type": INT16} | operation)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda acc: acc.attention(*[A.astype(np.int8)] * 3, 1, Requantise(1, 0), Requantise(1, 0), dtype="word"),
            "^dtype is 'word', allowed: int8 or int16",
        ),
        (
            lambda acc: acc.gemm(A.astype(np.int8), A.astype(np.int8), dtype=np.int16),
            "^dtype without requantise is int16, allowed: int32",
        ),
        (
            lambda acc: acc.gemm(A.astype(np.int8), A.astype(np.int8), requantise=Requantise(1, 0), dtype=np.int32),
            "^dtype with requantise is int32, allowed: int8 or int16",
        ),
        (
            lambda acc: acc.attention(*[A.astype(np.int8)] * 3, 1, Requantise(1, 0), Requantise(1, 0), dtype=np.int32),
            "^dtype is int32, allowed: int8 or int16",
        ),
    ],
)
def test_types_of_results(
    call: Callable[[Accelerator], Any], message: str, open_accelerator: Callable[..., Accelerator]
):
    with pytest.raises(DriverError, match=message):
        call(open_accelerator("golden"))
