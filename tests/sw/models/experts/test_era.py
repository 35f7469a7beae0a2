"""Popularity at a time against its definition."""

from dataclasses import replace

import numpy as np
import pytest

from gatewright.models.experts.era import FEW, MONTH, MOST, SPAN, Eras


def _standardised(values):
    return (values - values.mean()) / values.std()


def test_each_rating_counts_by_its_distance_in_months(ratings, rng):
    train = ratings([[0, 1, 2], [1, 2], [2, 0]], 4)
    months = np.array([3, 5, 20, 4, 21, 20, 60])
    train = replace(train, timestamps=months * MONTH + rng.integers(MONTH, size=7))
    eras = Eras.of(train)
    for month in (3, 10, 60):
        lately = np.full(4, FEW)
        np.add.at(lately, train.items, np.exp(-np.abs(months - month) * MONTH / SPAN))
        row = eras.months.at(np.array([month * MONTH + 5]))[0]
        np.testing.assert_allclose(eras.tables[0, row], _standardised(np.log(lately)), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(eras.tables[1, row], _standardised(np.log(FEW + np.array([2, 2, 3, 0]))), atol=1e-5)


@pytest.mark.parametrize(("month", "nearest"), [(-1, 0), (2, 0), (61, 57), (1000, 57)])
def test_times_out_of_the_data_are_the_nearest_in_it(month, nearest, ratings):
    train = replace(ratings([[0, 1]], 2), timestamps=np.array([3, 60]) * MONTH)
    assert Eras.of(train).months.at(np.array([month * MONTH])).tolist() == [nearest]


def test_one_item_of_all_has_no_rank(ratings):
    assert (Eras.of(ratings([[0], [0]], 1)).tables == 0).all()


@pytest.mark.parametrize("apart", [MOST * MONTH - 1, MOST * MONTH, 1 << 40, (1 << 62) - 1])
def test_times_that_are_none_take_no_more_rows(apart, ratings):
    train = replace(ratings([[0, 1, 1]], 2), timestamps=np.array([7, 7 + apart // 2, 7 + apart]))
    eras = Eras.of(train)
    assert eras.tables.shape[1] <= MOST + 1
    rows = eras.months.at(train.timestamps)
    assert rows[0] == 0
    assert rows[2] == eras.tables.shape[1] - 1
