"""The fine-tuned language model as a system: the same by its seed, and better than it was."""

import numpy as np
import pytest

from gatewright.evaluation.protocols import FullRanking
from gatewright.recommender.errors import RecommenderError
from gatewright.training.system import TextFineTuned


@pytest.mark.parametrize("layers", [0, 2])
def test_it_is_a_system(layers, tastes, tiny_encoder):
    system = TextFineTuned(layers=layers, steps=10)
    users = np.arange(40)
    scores = system.fit(tastes.train, tiny_encoder).scores(users)
    assert scores.shape == (40, 64)
    assert np.array_equal(scores, system.fit(tastes.train, tiny_encoder).scores(users))
    other = TextFineTuned(layers=layers, steps=10, seed=1)
    assert not np.array_equal(scores, other.fit(tastes.train, tiny_encoder).scores(users))


def test_it_ranks_what_the_titles_say(tastes, tiny_encoder):
    protocol = FullRanking(tastes.train, tastes.test)
    found = [
        protocol.measure(TextFineTuned(layers=0, steps=steps).fit(tastes.train, tiny_encoder), "text").all.mean("ndcg")
        for steps in (1, 60)
    ]
    assert found[1] > found[0] + 0.05


@pytest.mark.parametrize("option", ["learning_rate", "half_life", "held_out"])
def test_bad_options(option):
    with pytest.raises(RecommenderError, match=f"{option} of LM alone, fine-tuned must lie above 0, got 0"):
        TextFineTuned(**{option: 0})
