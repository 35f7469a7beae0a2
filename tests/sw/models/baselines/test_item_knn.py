"""ItemKNN against its definition, item by item."""

import numpy as np
import pytest

from gatewright.models.baselines import item_knn
from gatewright.models.baselines.interactions import interactions
from gatewright.models.baselines.item_knn import ItemKnn


@pytest.mark.parametrize("at_once", [1, 7, 1024])
@pytest.mark.parametrize(("neighbours", "shrinkage"), [(1, 0.0), (3, 2.0), (500, 10.0)])
def test_scores_sum_the_nearest_neighbours(neighbours, shrinkage, at_once, tastes, monkeypatch):
    monkeypatch.setattr(item_knn, "ITEMS_AT_ONCE", at_once)
    train = tastes(30, 25)
    x = interactions(train).toarray()
    n = x.shape[1]
    alike = np.zeros((n, n), np.float32)
    for a in range(n):
        for b in range(n):
            if a != b and (common := x[:, a] @ x[:, b]):
                alike[a, b] = common / (np.sqrt(x[:, a].sum() * x[:, b].sum()) + shrinkage)
    for b in range(n):
        least = sorted(alike[:, b], reverse=True)[min(neighbours, n) - 1]
        alike[alike[:, b] < least * (1 - 1e-6), b] = 0
    found = ItemKnn(neighbours, shrinkage).fit(train).scores(np.arange(30))
    np.testing.assert_allclose(found, x @ alike, rtol=1e-5, atol=1e-6)
