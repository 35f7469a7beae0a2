"""A request as one module, and its ONNX in ONNX Runtime, against the scores of the system; with a tiny encoder."""

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import BertConfig, BertModel

from gatewright.models.experts.era import Eras
from gatewright.models.experts.expert import Expert
from gatewright.models.experts.panel import Panel
from gatewright.models.experts.request import PanelRequest, panel_inputs
from gatewright.models.experts.text import Reading, alike
from gatewright.models.export import export_panel
from gatewright.models.text import TextEncoder

WIDTH, ITEMS = 32, 50
NOTHING = np.array([[1, 2]], np.int64)
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
    return tastes(12, ITEMS)


@pytest.fixture
def text(rng):
    text = rng.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    return text / np.linalg.norm(text, axis=1, keepdims=True)


@pytest.fixture
def reading(text):
    return Reading.of(text, 8)


@pytest.fixture
def panel(train, text, reading, rng):
    graphs = [Expert.of("x", half_life, *rng.normal(size=(2, ITEMS, 8))) for half_life in (2.0, 2.0, 9.0)]
    return Panel((*graphs, alike(text, reading, 9.0)), Eras.of(train))


@pytest.fixture
def gate(rng):
    return rng.uniform(0.2, 1, 6).astype(np.float32)


def _inputs(panel, train, user, tokens=NOTHING, typed=False):
    return panel_inputs(panel, train, user, tokens, typed)


def test_onnx_gives_the_system_s_scores(panel, gate, reading, encoder, train):
    request = PanelRequest(panel, gate, reading, ASKED, encoder)
    model = export_panel(request, _inputs(panel, train, 0))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = panel.hear(train).pooled(gate)
    for user in (1, 7):
        found = session.run(None, _inputs(panel, train, user, np.array([[1, 5, 9, 2]])))[0]
        np.testing.assert_allclose(found, expected.scores(np.array([user])), atol=1e-4)


def test_a_typed_query_counts_by_its_weight(panel, gate, reading, encoder, train):
    request = PanelRequest(panel, gate, reading, ASKED, encoder).eval()
    tokens = np.array([[1, 5, 9, 2]])
    with torch.no_grad():
        without, typed = (
            request(**{name: torch.from_numpy(value) for name, value in _inputs(panel, train, 4, tokens, on).items()})
            for on in (False, True)
        )
        vector = request.encoder(torch.from_numpy(tokens), torch.ones(1, 4, dtype=torch.int64)).numpy()
    key = reading(vector) @ panel.experts[-1].turn
    said = key / np.linalg.norm(key) @ panel.experts[-1].values.T
    np.testing.assert_allclose((typed - without).numpy(), ASKED * said, atol=1e-4)


def test_inputs_weigh_a_history_by_its_age(panel, train):
    found = _inputs(panel, train, 3)
    count = train.user_ptr[4] - train.user_ptr[3]
    age = np.arange(count)[::-1]
    assert found["rated"].tolist() == train.items[train.user_ptr[3] : train.user_ptr[4]].tolist()
    assert found["user_ptr"].tolist() == [0, count]
    np.testing.assert_allclose(found["lately"], 0.5 ** (age / 2), rtol=1e-6)
    np.testing.assert_allclose(found["taste"], 0.5 ** (age / 9), rtol=1e-6)
