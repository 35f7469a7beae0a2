"""A vector command as a value: records at the edges of what they hold, and the fields that a command gets."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewright.spec.errors import SpecError
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright.spec.vector_op import Record, VectorOp


@given(
    mantissa=st.floats(0.5, 1, exclude_max=True),
    exponent=st.integers(-40, 6),
    negative=st.booleans(),
)
def test_a_record_is_near_its_scale(mantissa: float, exponent: int, negative: bool) -> None:
    scale = math.ldexp(-mantissa if negative else mantissa, exponent)
    record = Record.from_scale(scale)
    assert 8 <= record.shift <= 63
    assert abs(record.factor - scale) <= 2.0**-15 * abs(scale)


def test_records_at_the_edges() -> None:
    widest = Record.from_scale(np.array([127.99, -127.99, 1 - 2.0**-20, 2.0**-60, 0.0, 1.0]))
    assert widest.gain.tolist() == [32765, -32765, 16384, 8, 0, 16384]
    assert widest.shift.tolist() == [8, 8, 14, 63, 15, 14]
    assert Record.from_scale(1.0, [0.5, -(2.0**40), 2.0**40]).bias.tolist() == [128, -(2**31) + 1, 2**31 - 1]


@pytest.mark.parametrize(
    ("scale", "bias", "message"),
    [
        (128.0, 0, "is 128, allowed below 128"),
        (127.999, 0, "allowed below 128"),
        (math.nan, 0, "not finite"),
        (1.0, math.inf, "not finite"),
    ],
)
def test_what_a_record_cannot_hold(scale: float, bias: float, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Record.from_scale(scale, bias)


@pytest.mark.parametrize(
    ("record", "packed"),
    [
        (Record(), [(0, 256, 8, 0)]),
        (Record(gain=np.array([1, 2]), bias=5), [(5, 1, 8, 0), (5, 2, 8, 0)]),
        (Record(3, np.array([9, 10], np.uint8), np.array([-1, 7])), [(-1, 3, 9, 0), (7, 3, 10, 0)]),
    ],
    ids=["one", "gain", "columns"],
)
def test_records_are_packed_one_by_column_where_any_value_has_that(record: Record, packed: list) -> None:
    assert record.packed().tolist() == packed


def test_fields_of_a_command() -> None:
    op = VectorOp(ElementType.INT16, a_multiplier=3, combine_shift=2, epsilon=(5 << 32) + 7, function=Function.RMS_NORM)
    assert op.fields == {
        "a_multiplier": 3,
        "b_multiplier": 0,  # of an operand that is not there
        "combine_shift": 2,
        "epsilon": 7,
        "epsilon_high": 5,
        "combine": Combine.ALONE,
        "function": Function.RMS_NORM,
        "y_type": ElementType.INT16,
    }
    assert VectorOp(ElementType.INT8, combine=Combine.ADD, b_multiplier=-9).fields["b_multiplier"] == -9
