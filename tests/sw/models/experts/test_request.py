"""A request as one module, and its ONNX in ONNX Runtime, against the scores of the system; with a tiny encoder."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import BertConfig, BertModel

from gatewright.models import deploy
from gatewright.models.experts import Learnt, condensed
from gatewright.models.experts.condensed import Condensed
from gatewright.models.experts.era import Eras
from gatewright.models.experts.expert import Expert
from gatewright.models.experts.panel import Panel
from gatewright.models.experts.question import Question
from gatewright.models.experts.request import HistoryRequest, QueryRequest
from gatewright.models.experts.text import Reading, alike
from gatewright.models.export import export_request
from gatewright.models.text import TextEncoder
from gatewright.models.train import TrainedHybrid
from gatewright.recommender.inputs import request_inputs

WIDTH, ITEMS = 32, 50
TOKENS = np.array([[1, 5, 9, 2]], np.int64)
ASKED = 1.5


@pytest.fixture
def encoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        sizes = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 2 * WIDTH}
        config = BertConfig(vocab_size=40, max_position_embeddings=16, **sizes)
        return TextEncoder(BertModel(config, add_pooling_layer=False), None)


@pytest.fixture
def train(tastes):
    """With a user of one rating, and one without any."""
    data = tastes(12, ITEMS)
    return data.select((data.users != 2) & ((data.users != 3) | (data.age_from_end() == 0)))


@pytest.fixture
def panel(train, rng):
    text = rng.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    reading = Reading.of(text, 8)
    graphs = [Expert.of("x", half_life, *rng.normal(size=(2, ITEMS, 8))) for half_life in (2.0, 2.0, 9.0)]
    return Panel((*graphs, alike(text, reading, 9.0)), Eras.of(train), reading)


@pytest.fixture
def learnt(panel, train, rng):
    gate = rng.uniform(0.2, 1, 6).astype(np.float32)
    return Learnt(Condensed.of(panel, gate, ASKED, train, 1000), Question.to(panel))


@pytest.fixture
def model(learnt, train):
    return deploy.hybrid_model(TrainedHybrid(train, learnt, {}, "test"))


def _answer(request, inputs):
    with torch.no_grad():
        return request.eval()(*map(torch.from_numpy, inputs.values())).numpy()


def test_onnx_gives_the_system_s_scores(learnt, model, train):
    exported = export_request(HistoryRequest(learnt.condensed), request_inputs(model, 0))
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    heard = learnt.condensed.hear(train)
    for user in range(12):
        found = session.run(None, dict(request_inputs(model, user)))[0]
        np.testing.assert_allclose(found, heard.scores(np.array([user])), atol=1e-4)
    nobody = session.run(None, dict(request_inputs(model, None)))[0]
    np.testing.assert_allclose(nobody, heard.scores(np.array([2])), atol=1e-4)


@pytest.mark.parametrize("user", [None, 2, 3, 4])
def test_a_typed_query_counts_by_its_weight(user, learnt, panel, model, encoder):
    asking = QueryRequest(learnt.condensed, learnt.question, encoder)
    typed = _answer(asking, request_inputs(model, user, TOKENS))
    without = _answer(HistoryRequest(learnt.condensed), request_inputs(model, user))
    with torch.no_grad():
        vector = asking.encoder(torch.from_numpy(TOKENS), torch.ones(1, 4, dtype=torch.int64)).numpy()
    key = panel.reading(vector) @ panel.experts[-1].turn
    said = key / np.linalg.norm(key) @ panel.experts[-1].values.T
    np.testing.assert_allclose(typed - without, ASKED * said, atol=1e-4)


def test_all_directions_say_what_the_panel_says(panel, train, rng):
    """And the main ones nearly so."""
    gate = rng.uniform(0.2, 1, 6).astype(np.float32)
    users = np.array([0, 2, 3, 7])
    said = panel.hear(train).apart(users) @ gate
    whole = Condensed.of(panel, gate, ASKED, train, 1000)
    np.testing.assert_allclose(whole.hear(train).scores(users), said, atol=1e-4)
    errors = [
        np.abs(Condensed.of(panel, gate, ASKED, train, width).hear(train).scores(users) - said).mean()
        for width in (2, 12, 24)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.5 * errors[0]


def test_ratings_beyond_the_history_do_not_count(learnt, model, train, monkeypatch):
    monkeypatch.setattr(condensed, "HISTORY", 3)
    heard = learnt.condensed.hear(train).scores(np.array([5]))
    inputs = request_inputs(replace(model, history=3), 5)
    assert len(inputs["rated"]) == 3
    np.testing.assert_allclose(_answer(HistoryRequest(learnt.condensed), inputs), heard, atol=1e-4)
