"""The float models as ONNX: the text encoder alone, and a whole hybrid request."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import torch
from torch import nn

from gatewright.compiler.operators import add_functions
from gatewright.models.experts.request import PanelRequest
from gatewright.models.hybrid import HybridRequest, SentenceEncoder
from gatewright.models.text import MAX_TOKENS, TextEncoder, load_text_encoder
from gatewright.models.train import TrainedHybrid
from gatewright.program.onnx_session import OnnxSession
from gatewright.recommender.errors import RecommenderError

__all__ = ["OPSET", "export_encoder", "export_hybrid", "export_onnx", "export_panel"]

OPSET = 18
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
    return _export(SentenceEncoder(encoder), inputs, {name: {1: tokens} for name in inputs}, "vector")


def export_hybrid(trained: TrainedHybrid, example: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """A whole request: the inputs of `request_inputs` (of which ``example`` is one) -> scores float32 [1, items].

    Dynamic sizes: ``tokens``, ``rated`` (the user's ratings), ``pointers`` (one more), ``edges`` (the ratings of those
    movies). Raises `RecommenderError` if ONNX Runtime and PyTorch differ by more than `TOLERANCE`.
    """
    dims = {
        "tokens": torch.export.Dim("tokens", min=2, max=MAX_TOKENS),
        **{name: torch.export.Dim(name, min=2) for name in ("rated", "pointers", "edges")},
    }
    dynamic = {
        "ids": {1: dims["tokens"]},
        "mask": {1: dims["tokens"]},
        **{name: {0: dims["rated"]} for name in ("rated", "user_weight", "places")},
        "item_ptr": {0: dims["pointers"]},
        **{name: {0: dims["edges"]} for name in ("raters", "item_weight")},
    }
    inputs = {name: torch.from_numpy(value) for name, value in example.items()}
    module = HybridRequest(trained, load_text_encoder())
    return _export(module, inputs, {name: dynamic.get(name) for name in inputs}, "scores")


def export_panel(request: PanelRequest, example: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """A request to a panel of experts: the inputs of `panel_inputs` (of which ``example`` is one) -> scores float32
    [1, items].

    Dynamic sizes: ``tokens`` and ``rated`` (the user's ratings). Raises `RecommenderError` as `export_hybrid` does.
    """
    tokens = torch.export.Dim("tokens", min=2, max=MAX_TOKENS)
    rated = torch.export.Dim("rated", min=2)
    dynamic = {"ids": {1: tokens}, "mask": {1: tokens}, **{name: {0: rated} for name in ("rated", "lately", "taste")}}
    inputs = {name: torch.from_numpy(value) for name, value in example.items()}
    return _export(request, inputs, {name: dynamic.get(name) for name in inputs}, "scores")


def export_onnx(trained: TrainedHybrid, example: Mapping[str, np.ndarray], folder: str | Path) -> list[Path]:
    """Write ``encoder.onnx`` and ``hybrid.onnx`` and return their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    models = {"encoder.onnx": export_encoder(), "hybrid.onnx": export_hybrid(trained, example)}
    for name, model in models.items():
        onnx.save(model, folder / name)
    return [folder / name for name in models]


def _export(
    module: nn.Module, inputs: dict[str, torch.Tensor], dynamic: dict[str, Any], output: str
) -> onnx.ModelProto:
    """Export, run, and compare."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it lists the operators of packages that are not there

    module.eval()
    with torch.no_grad():
        expected = module(*inputs.values()).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own internals
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=[output],
            opset_version=OPSET,
            dynamic_shapes=tuple(dynamic.values()),
            dynamo=True,
            verbose=False,
        )
    add_functions(program.model)
    model = ir.to_proto(program.model)
    session = OnnxSession(model.SerializeToString())
    (found,) = session.run([output], {name: value.numpy() for name, value in inputs.items()})
    error = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not error <= TOLERANCE:
        raise RecommenderError(f"the exported {output} differ from PyTorch's by {error:.2e}, allowed {TOLERANCE:.0e}")
    return model
