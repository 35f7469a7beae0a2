"""The float models as ONNX: the text encoder alone, and a whole request."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from gatewright.compiler.from_torch.exporter import to_onnx
from gatewright.models.experts.request import HistoryRequest
from gatewright.models.text import MAX_TOKENS, SentenceEncoder, TextEncoder, load_text_encoder
from gatewright.program.onnx_session import OnnxSession
from gatewright.recommender.errors import RecommenderError

__all__ = ["export_encoder", "export_request"]

TOLERANCE = 1e-3  # of the largest magnitude, between PyTorch and ONNX Runtime


def export_encoder(encoder: TextEncoder | None = None) -> onnx.ModelProto:
    """all-MiniLM-L6-v2, or ``encoder``, with masked mean pooling: ids, mask int64 [1, tokens] -> vector float32
    [1, 384], of length 1.

    ``tokens`` is dynamic, up to the encoder's number of positions.
    """
    encoder = encoder or load_text_encoder()
    ids = torch.tensor(encoder.tokenize(["a space adventure"]))
    inputs = {"ids": ids, "mask": torch.ones_like(ids)}
    most = encoder.bert.config.max_position_embeddings
    tokens = torch.export.Dim("tokens", min=2, max=most)
    return _export(SentenceEncoder(encoder), inputs, ({1: tokens}, {1: tokens}), "vector")


def export_request(request: HistoryRequest, example: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """A request: the inputs of `request_inputs` (of which ``example`` is one) -> scores float32 [1, items].

    Dynamic sizes: ``tokens``, where a query is read, and ``rated`` (the ratings that are read), both at least 2, below
    which PyTorch's exporter takes a size for a constant. Raises `RecommenderError` if ONNX Runtime and PyTorch differ
    by more than `TOLERANCE`.
    """
    tokens = torch.export.Dim("tokens", min=2, max=MAX_TOKENS)
    rated = torch.export.Dim("rated", min=2)
    sizes = {"ids": {1: tokens}, "mask": {1: tokens}, "user_ptr": None, "month": None}
    inputs = {name: torch.from_numpy(value) for name, value in example.items()}
    named = [sizes[name] for name in inputs if name in sizes]  # and "rated", before the month
    named.insert(-1, {0: rated})
    weights = ({0: rated},) * (len(inputs) - len(named))  # arguments of one name to PyTorch
    return _export(request, inputs, (*named, weights), "scores")


def _export(
    module: nn.Module, inputs: dict[str, torch.Tensor], dynamic: tuple[Any, ...], output: str
) -> onnx.ModelProto:
    """Export, run, and compare."""
    module.eval()
    with torch.no_grad():
        expected = module(*inputs.values()).numpy()
    model = to_onnx(module, list(inputs.values()), list(inputs), [output], title="main_graph", dynamic_shapes=dynamic)
    session = OnnxSession(model.SerializeToString())
    (found,) = session.run([output], {name: value.numpy() for name, value in inputs.items()})
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not error <= TOLERANCE:
        raise RecommenderError(f"the exported {output} differ from PyTorch's by {error:.2e}, allowed {TOLERANCE:.0e}")
    return model
