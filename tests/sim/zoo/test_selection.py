"""A few models of the zoo; `make zoo` tries them all."""

import pytest

pytest.importorskip("transformers")
pytest.importorskip("torch_geometric")

from gatewright_sim.zoo import catalogue
from gatewright_sim.zoo.trial import Result, trial

MODELS = {
    "onnx/pytorch-converted/Linear": 1,
    "onnx/simple/sequence_model3": 0,
    "onnxruntime/sigmoid": 1,
    "geometric/MLP": 1,
    "geometric/GraphSAGE": None,
    "transformers/bert": 1,
    "transformers/gpt2": None,
}
"""By name, how many doorbells they need; None where that is no promise."""


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_right(name):
    found = trial(name, catalogue.family(name).make(name))
    assert found.result is Result.RIGHT, found
    assert MODELS[name] in (None, found.doorbells)
