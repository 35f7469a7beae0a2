"""Values of the host to bytes and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gatewright.program.compiled import Placement
from gatewright.program.convert import Converter, empty_mask
from gatewright.program.errors import InputError


def placement(shape: tuple, element: str, **options: Any) -> Placement:
    """Of one matrix, 8 bytes from the start of memory, each row 8 bytes apart from the last one's end."""
    full = tuple(size if isinstance(size, int) else 6 for size in shape)
    made = {"rows": int(np.prod(full[:-1])), "cols": full[-1] if full else 1, "dtype": "float32", "stride": 0}
    found = Placement("v", shape=shape, offset=8, element=element, **made | options)
    return Placement(**found.__dict__ | {"stride": -(-found.row_bytes // 8) * 8 + 8})


def memory(place: Placement) -> np.ndarray:
    return np.full(place.offset + place.nbytes + 16, 0xA5, np.uint8)


def stored(place: Placement, array: np.ndarray) -> np.ndarray:
    """What :meth:`Converter.encode` writes, as integers; bytes that are not the placement's stay as they are."""
    space = memory(place)
    Converter(place).encode(array, space)
    strides = (place.stride, np.dtype(place.element).itemsize)
    view = np.ndarray((place.rows, place.cols), place.element, space.data, place.offset, strides)
    found = view.copy()
    view[...] = np.frombuffer(b"\xa5" * view.itemsize, view.dtype)[0]
    assert (space == 0xA5).all()
    return found


@given(
    hnp.arrays(np.float32, (3, 5), elements=st.floats(-1e6, 1e6, width=32)),
    st.sampled_from(["int8", "uint8", "int16", "int32"]),
    st.floats(1e-3, 1e3),
    st.integers(-5, 5),
)
def test_linear(x: np.ndarray, element: str, scale: float, zero: int) -> None:
    place = placement((3, 5), element, scale=(scale,), zero_point=zero)
    limits = np.iinfo(element)
    exact = x.astype(np.float64) / np.float32(scale)
    expected = np.clip(exact + zero, limits.min, limits.max)
    assert (np.abs(stored(place, x) - expected) <= 0.5 + np.abs(exact) * 2**-23).all()
    space = memory(place)
    Converter(place).encode(x, space)
    back = Converter(place).decode(space, {})
    inside = (expected > limits.min) & (expected < limits.max)
    assert back.dtype == np.float32
    assert (np.abs(back - x)[inside] <= scale * 0.5001 + np.abs(x[inside]) * 2**-20).all()


@pytest.mark.parametrize(
    ("x", "expected"), [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (1e30, 127), (-1e30, -128)]
)
def test_rounding_is_half_to_even_and_saturates(x: float, expected: int) -> None:
    assert stored(placement((1, 1), "int8", scale=(1.0,)), np.array([[x]], np.float32)) == expected


SATURATIONS: dict[str, tuple[dict[str, Any], list[float], tuple[int, float, float] | None]] = {
    # what is special about an int8 placement of five columns, what is written, and the count and the range allowed
    "all inside": ({"scale": (0.5,)}, [-64, 0, 1, 63.5, 63.7], None),
    "beyond both ends": ({"scale": (0.5,)}, [-65, 0, 1e30, 64, -1e30], (4, -64.0, 63.5)),
    "a half is rounded": ({"scale": (1.0,)}, [127.4, -128.4, 127.6, -128.6, 0], (2, -128.0, 127.0)),
    "a zero point": ({"scale": (1.0,), "zero_point": -28}, [-100, 155, -101, 156, 0], (2, -100.0, 155.0)),
    "a scale per column": ({"scale": (1.0, 2.0, 4.0, 8.0, 0.25)}, [128, 128, 128, 2000, 31], (2, -32.0, 31.75)),
    "integers": ({"scale": (1.0,), "dtype": "int64"}, [128, -129, 0, 127, -128], (2, -128.0, 127.0)),
    "as they are": ({}, [0, 1, 2, 3, 4], None),
}


@pytest.mark.parametrize("case", SATURATIONS)
def test_what_saturates_is_counted(case: str) -> None:
    options, values, expected = SATURATIONS[case]
    place = placement((1, 5), "int8", **options)
    found = Converter(place).encode(np.array([values], options.get("dtype", np.float32)), memory(place))
    assert (found and (found.count, found.low, found.high)) == expected
    assert found is None or (found.name, found.elements) == ("v", 5)


@pytest.mark.parametrize(
    ("mask", "zero_point", "expected"),
    [
        ([[1, 0], [0, 1]], 0, None),
        ([[1, 0], [0, 0]], 0, (1, 2)),
        ([[1, 1], [0, 1]], 1, (1, 2)),
        ([[0, 0], [0, 0]], 1, None),
        ([[[0, 0]], [[0, 0]]], 0, (2, 2)),
        ([0, 0], 0, (1, 1)),
    ],
)
def test_masks_that_leave_nothing_are_counted(mask: Any, zero_point: int, expected: tuple[int, int] | None) -> None:
    array = np.array(mask)
    found = empty_mask(placement(array.shape, "bit", zero_point=zero_point), array)
    assert (found and (found.count, found.sequences)) == expected
    assert empty_mask(placement(array.shape, "int8"), array) is None


def test_what_fills_a_dynamic_size_does_not_count() -> None:
    place = placement(("n",), "int8", scale=(1.0,), fill=1000.0)
    assert Converter(place).encode(np.ones(2, np.float32), memory(place)) is None


def test_division_is_in_the_hosts_precision(rng: np.random.Generator) -> None:
    """As ONNX's QuantizeLinear on float32: a quotient that rounds to a tie there is none in float64."""
    x = rng.uniform(-12, 12, (1, 100_000)).astype(np.float32)
    scale = np.float32(0.1)
    x[0, :40] = (np.arange(40) + 0.5) * scale
    single, double = (
        stored(placement(x.shape, "int8", scale=(float(scale),), dtype=kind), x.astype(kind))
        for kind in ("float32", "float64")
    )
    assert np.array_equal(single, np.rint(x / scale))
    assert np.array_equal(double, np.rint(x.astype(np.float64) / float(scale)))
    assert not np.array_equal(single, double)


def test_a_scale_per_column() -> None:
    scale = (1.0, 2.0, 4.0)
    place = placement((2, 3), "int16", scale=scale)
    x = np.array([[4, 4, 4], [-8, -8, -8]], np.float32)
    assert stored(place, x).tolist() == [[4, 2, 1], [-8, -4, -2]]
    space = memory(place)
    Converter(place).encode(x, space)
    assert np.array_equal(Converter(place).decode(space, {}), x)


@pytest.mark.parametrize("element", ["int8", "uint8", "int16", "int32", "uint32"])
def test_integers_as_they_are(element: str) -> None:
    limits = np.iinfo(element)
    place = placement((1, 2), element, dtype="int64")
    x = np.array([[limits.min, limits.max]])
    assert stored(place, x).tolist() == x.tolist()
    space = memory(place)
    Converter(place).encode(x, space)
    assert Converter(place).decode(space, {}).tolist() == x.tolist()
    with pytest.raises(InputError, match=r"input 'v' holds 0\.5, allowed: integers"):
        stored(placement((1, 2), element), np.array([[0.5, 1]]))


@pytest.mark.parametrize("end", ["min", "max"])
@pytest.mark.parametrize("element", ["int8", "uint8", "int16", "int32", "uint32"])
def test_integers_that_the_element_does_not_hold(element: str, end: str) -> None:
    limits = np.iinfo(element)
    beyond = limits.min - 1 if end == "min" else limits.max + 1
    with pytest.raises(InputError, match=rf"input 'v' spans .*, allowed {limits.min}\.\.{limits.max}"):
        stored(placement((1, 2), element, dtype="int64"), np.array([[0, beyond]]))


def test_indices_wrap() -> None:
    place = placement((4,), "uint32", dtype="int64", limit=10)
    assert stored(place, np.array([0, 9, -1, -10])).tolist() == [[0, 9, 9, 0]]


@pytest.mark.parametrize("bad", [10, -11])
def test_indices_are_checked(bad: int) -> None:
    place = placement((4,), "uint32", dtype="int64", limit=10)
    with pytest.raises(InputError, match=r"allowed -10\.\.9"):
        stored(place, np.array([0, 0, 0, bad]))


@pytest.mark.parametrize("kind", ["bool", "int64", "float32"])
@pytest.mark.parametrize("cols", [1, 8, 63, 64, 65])
def test_bits(kind: str, cols: int) -> None:
    place = placement((1, cols), "bit", dtype=kind)
    bits = (np.arange(cols) * 7 % 3 == 0)[None].astype(kind)
    space = memory(place)
    Converter(place).encode(bits, space)
    raw = space[8 : 8 + place.row_bytes]
    assert place.row_bytes == -(-cols // 64) * 8
    assert int.from_bytes(raw.tobytes(), "little") == sum(int(bit) << j for j, bit in enumerate(bits[0]))
    assert (space[8 + place.row_bytes :] == 0xA5).all()
    back = Converter(place).decode(space, {})
    assert back.dtype == np.dtype(kind)
    assert np.array_equal(back, bits)
    if kind != "bool":
        with pytest.raises(InputError, match=r"input 'v' holds 2.*, allowed: 0 and 1"):
            Converter(place).encode(np.full((1, cols), 2, kind), space)


@pytest.mark.parametrize("shape", [("n",), ("n", 3), (1, "n"), (1, "n", 3)])
@pytest.mark.parametrize("size", [0, 1, 5, 6])
def test_what_a_dynamic_size_leaves_free_is_filled(shape: tuple, size: int) -> None:
    place = placement(shape, "int8", scale=(0.5,), fill=3.0, zero_point=1)
    actual = tuple(size if each == "n" else each for each in shape)
    x = np.arange(np.prod(actual), dtype=np.float32).reshape(actual)
    found = stored(place, x).reshape(-1)
    assert found[: x.size].tolist() == (2 * x.reshape(-1) + 1).tolist()
    assert (found[x.size :] == 7).all()
    space = memory(place)
    Converter(place).encode(x, space)
    assert np.array_equal(Converter(place).decode(space, {"n": size}), x)


def test_a_mask_of_dynamic_size() -> None:
    place = placement(("n",), "bit", fill=1.0, dtype="bool")
    space = memory(place)
    Converter(place).encode(np.zeros(4, bool), space)
    assert space[8:16].tolist() == [0b110000, *[0] * 7]
