"""Vectors of texts in the systems that use them: MiniLM's give these systems as they are, others give others."""

import numpy as np
import pytest

from gatewright.evaluation.protocols import FullRanking
from gatewright.models.baselines.tune import joined
from gatewright.models.data import load_movielens
from gatewright.models.data.splits import UserTimeSplit, split
from gatewright.models.experts import Hybrid
from gatewright.models.systems import TextAlone
from gatewright.models.text_vectors import item_vectors
from gatewright.training.text_places import HYBRID, TEXT, qualities


@pytest.mark.slow
def test_vectors_take_their_place(rng):
    data = load_movielens().subset(12)
    own = item_vectors(data)
    found = qualities(data, 1, {"own": own, "random": rng.standard_normal(own.shape).astype(np.float32)})
    parts = split(data, UserTimeSplit(seed=1))
    known = joined(parts.train, parts.validation)
    for name, system in {TEXT: TextAlone(), HYBRID: Hybrid()}.items():
        wanted = FullRanking(known, parts.test).measure(system.fit(known), name).all
        assert np.array_equal(found[name]["own"].values["ndcg"], wanted.values["ndcg"])
        assert not np.array_equal(found[name]["random"].values["mrr"], wanted.values["mrr"])
