"""The float model as ONNX files: the text encoder, and the fusion with the scores of all items."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gatewright.models.text import TextEncoder, load_text_encoder
from gatewright.models.train import TrainedHybrid
from gatewright.models.train_fusion import history_tokens
from gatewright.recommender.errors import RecommenderError

__all__ = ["ExportedModel", "export_onnx"]

OPSET = 18
TOLERANCE = 1e-3  # of the largest magnitude, between PyTorch and ONNX Runtime


@dataclass(frozen=True)
class ExportedModel:
    """Paths of the two files, and the largest error of ONNX Runtime against PyTorch, relative to the largest value.

    ``encoder.onnx``: ids, mask int64 [batch, tokens] -> unit text vectors float32 [batch, 384].
    ``fusion.onnx``: graph float32 [batch, 64], query float32 [batch, 384], items and half stars int64 [batch,
    history], mask bool [batch, history] -> scores float32 [batch, items]; the item table is part of the file.
    """

    encoder: Path
    fusion: Path
    encoder_error: float
    fusion_error: float


class _Encoder(nn.Module):
    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        self.bert = encoder.bert

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        return functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)


class _Fusion(nn.Module):
    def __init__(self, trained: TrainedHybrid) -> None:
        super().__init__()
        self.fusion = trained.fusion
        self.register_buffer("table", trained.reference().table.clone())

    def forward(
        self, graph: torch.Tensor, query: torch.Tensor, items: torch.Tensor, stars: torch.Tensor, mask: torch.Tensor
    ) -> torch.Tensor:
        tokens = self.fusion.tokens(self.table[items], stars)
        return self.fusion(graph, query, tokens, mask) @ self.table.T


def export_onnx(trained: TrainedHybrid, folder: str | Path) -> ExportedModel:
    """Write ``encoder.onnx`` and ``fusion.onnx`` and run both on real inputs.

    Raises `RecommenderError` if ONNX Runtime and PyTorch differ by more than `TOLERANCE`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    encoder = load_text_encoder()
    reference = trained.reference()
    users = np.arange(min(3, trained.data.n_users))
    tokens = encoder.tokenize([reference.query_text(user) for user in users])
    longest = max(len(ids) for ids in tokens)
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in tokens])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in tokens])
    encoder_path, fusion_path = folder / "encoder.onnx", folder / "fusion.onnx"
    vectors, encoder_error = _export(_Encoder(encoder), {"ids": ids, "mask": mask}, encoder_path, {1: "tokens"})
    items, stars, attended = history_tokens(
        trained.data, users, trained.data.user_ptr[users + 1], trained.fusion.options.history
    )
    inputs = {
        "graph": reference.user_graph[users].clone(),
        "query": vectors,
        "items": items,
        "stars": stars,
        "attended": attended,
    }
    _, fusion_error = _export(_Fusion(trained), inputs, fusion_path, {})
    return ExportedModel(encoder_path, fusion_path, encoder_error, fusion_error)


def _export(
    module: nn.Module, inputs: dict[str, torch.Tensor], path: Path, dynamic: dict[int, str]
) -> tuple[torch.Tensor, float]:
    """Export with a free batch (and the ``dynamic`` dimensions), run, and compare."""
    import onnxruntime

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it lists the operators of packages that are not there

    module.eval()
    with torch.no_grad():
        expected = module(*inputs.values())
    shape = {0: torch.export.Dim("batch"), **{axis: torch.export.Dim(name) for axis, name in dynamic.items()}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own internals
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            path,
            input_names=list(inputs),
            output_names=["output"],
            opset_version=OPSET,
            dynamic_shapes=tuple(dict(shape) for _ in inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})[0]
    error = float(np.abs(found - expected.numpy()).max() / expected.abs().max())
    if not error <= TOLERANCE:
        raise RecommenderError(f"{path.name} differs from PyTorch by {error:.2e}, allowed up to {TOLERANCE:.0e}")
    return expected, error
