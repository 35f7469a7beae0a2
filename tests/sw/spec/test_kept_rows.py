"""Rows of X that an aggregation keeps: the first, as many as there is room for, where columns are used often."""

from dataclasses import replace

import pytest

from gatewright.spec.config import get_config
from gatewright.spec.kept_rows import kept_rows, slot_bits

TINY = replace(get_config("tiny"), kept_words=64)


@pytest.mark.parametrize(
    ("features", "bits"), [(1, 0), (8, 0), (9, 1), (16, 1), (17, 2), (24, 2), (32, 2), (33, 3), (64, 3), (128, 4)]
)
def test_a_row_takes_a_power_of_two_of_words(features: int, bits: int) -> None:
    assert slot_bits(features) == bits


@pytest.mark.parametrize(
    ("cols", "nnz", "features", "rows"),
    [
        *((63, 1000, 8, 63), (64, 1000, 8, 64), (65, 1000, 8, 64)),
        *((1000, 4000, 24, 16), (1000, 4000, 64, 8), (1000, 4000, 65, 4), (1000, 4000, 128, 4)),
        *((10, 40, 8, 10), (10, 39, 8, 0), (1, 4, 8, 1), (1, 3, 8, 0), (5, 0, 8, 0)),
    ],
)
def test_as_many_as_fit_if_each_column_has_four_edges(cols: int, nnz: int, features: int, rows: int) -> None:
    assert kept_rows(TINY, cols, nnz, features) == rows


def test_without_room_none() -> None:
    assert kept_rows(replace(TINY, kept_words=0), 1, 1000, 8) == 0
