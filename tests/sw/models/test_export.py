"""ONNX export of the whole encoder and a whole request, for inputs other than the exported ones."""

import numpy as np
import onnxruntime
import pytest

from gatewright.models.deploy import hybrid_model
from gatewright.models.experts.request import QueryRequest
from gatewright.models.export import export_encoder, export_request
from gatewright.models.text import load_text_encoder
from gatewright.recommender.inputs import Tokenizer, request_inputs


@pytest.mark.slow
def test_exported_files_answer_a_request(small_trained):
    model, learnt = hybrid_model(small_trained), small_trained.learnt
    tokenize, reference = Tokenizer(model), small_trained.reference()
    request = QueryRequest(learnt.condensed, learnt.question, load_text_encoder())
    files = export_encoder(), export_request(request, request_inputs(model, 0, tokenize("a space adventure")))
    encoder, hybrid = (onnxruntime.InferenceSession(each.SerializeToString()) for each in files)
    for user, text in ((5, "western"), (3, "films that children like, with animals and songs")):
        tokens = tokenize(text)
        vector = encoder.run(None, {"ids": tokens, "mask": np.ones_like(tokens)})[0]
        assert np.allclose(vector, load_text_encoder().encode([text]), atol=1e-5)
        scores = hybrid.run(None, request_inputs(model, user, tokens))[0]
        assert np.allclose(scores[0], reference.request(user, text), atol=2e-3)
