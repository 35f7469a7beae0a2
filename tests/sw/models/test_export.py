"""ONNX export: both files run in ONNX Runtime and give PyTorch's results, for inputs other than the exported ones."""

import numpy as np
import onnxruntime
import pytest

from gatewright.models.deploy import hybrid_model
from gatewright.models.export import export_onnx
from gatewright.models.text import load_text_encoder
from gatewright.recommender.inputs import Tokenizer, request_inputs


@pytest.mark.slow
def test_exported_files_answer_a_request(small_trained, tmp_path):
    model = hybrid_model(small_trained)
    tokenize, reference = Tokenizer(model), small_trained.reference()
    example = request_inputs(model, 0, tokenize("a space adventure"))
    encoder, hybrid = (
        onnxruntime.InferenceSession(path) for path in export_onnx(small_trained, example, tmp_path / "onnx")
    )
    for user, text in ((5, "western"), (3, "films that children like, with animals and songs")):
        tokens = tokenize(text)
        vector = encoder.run(None, {"ids": tokens, "mask": np.ones_like(tokens)})[0]
        assert np.allclose(vector, load_text_encoder().encode([text]), atol=1e-5)
        scores = hybrid.run(None, request_inputs(model, user, tokens))[0]
        assert np.allclose(scores[0], reference.request(user, text), atol=2e-3)
