"""ONNX export: both files run in ONNX Runtime and give PyTorch's scores, for inputs other than the exported ones."""

import numpy as np
import onnxruntime
import pytest
import torch

from gatewright.models.export import export_onnx
from gatewright.models.text import load_text_encoder
from gatewright.models.train_fusion import history_tokens


@pytest.mark.slow
def test_exported_files_answer_a_request(small_trained, tmp_path):
    exported = export_onnx(small_trained, tmp_path)
    assert exported.encoder_error < 1e-4
    assert exported.fusion_error < 1e-4

    reference, data = small_trained.reference(), small_trained.data
    user = np.array([5])
    tokens = load_text_encoder().tokenize(["space adventure"])[0]
    encoder = onnxruntime.InferenceSession(exported.encoder)
    query = encoder.run(None, {"ids": np.array([tokens]), "mask": np.ones((1, len(tokens)), np.int64)})[0]
    items, stars, mask = history_tokens(data, user, data.user_ptr[user + 1], small_trained.fusion.options.history)
    fusion = onnxruntime.InferenceSession(exported.fusion)
    scores = fusion.run(
        None,
        {
            "graph": reference.user_graph[user].numpy(),
            "query": query,
            "items": items.numpy(),
            "stars": stars.numpy(),
            "attended": mask.numpy(),
        },
    )[0]
    with torch.inference_mode():
        assert np.allclose(scores[0], reference.request(5, "space adventure"), atol=1e-3)
