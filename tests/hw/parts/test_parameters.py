"""Parameters of components: integers in a range, or a sentence that says which."""

import numpy as np
import pytest

from gatewright_hw.parts.parameters import in_range


@pytest.mark.parametrize("value", [2, 7, np.int64(5), True + 1])
def test_what_is_in_range_becomes_an_int(value: int) -> None:
    number = in_range("Part", "depth", value, 2, 7)
    assert number == value
    assert type(number) is int


@pytest.mark.parametrize("value", [1, 8, -3])
def test_the_sentence_says_what_is_allowed(value: int) -> None:
    with pytest.raises(ValueError, match=rf"^Part: depth is {value}, allowed 2\.\.7$"):
        in_range("Part", "depth", value, 2, 7)


@pytest.mark.parametrize("value", [2.0, "3", None])
def test_what_is_no_integer_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        in_range("Part", "depth", value, 2, 7)  # type: ignore[arg-type]
