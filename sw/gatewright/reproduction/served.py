"""Requests to the hybrid as it is served: in float, as ONNX for other runtimes, and as programs of the accelerator."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch

from gatewright.models.data import MovieLens
from gatewright.models.deploy import Deployed, deploy_or_load
from gatewright.models.experts.request import HistoryRequest, QueryRequest
from gatewright.models.export import export_request
from gatewright.models.text import load_text_encoder
from gatewright.models.train import TrainedHybrid, train_or_load
from gatewright.program.compiled import CompiledProgram
from gatewright.program.onnx_session import OnnxSession
from gatewright.progress import Progress
from gatewright.recommender.inputs import Tokenizer, request_inputs
from gatewright.recommender.request import HybridRecommender
from gatewright.spec.config import AcceleratorConfig

__all__ = ["Ask", "Requests", "served"]

Ask = Callable[[int], np.ndarray]
"""One whole request of the user with an index: float32 [items]."""


def served(
    known: MovieLens, config: AcceleratorConfig, progress: Progress | None = None
) -> tuple[TrainedHybrid, Deployed]:
    """The hybrid trained on what requests are about, and its programs; from the cache where they are there."""
    trained = train_or_load(known, progress=progress)
    return trained, deploy_or_load(trained, config, progress)


@dataclass(frozen=True)
class Requests:
    """Of users who type nothing, or all the same ``query``."""

    trained: TrainedHybrid
    deployed: Deployed
    query: str | None = None

    @property
    def program(self) -> CompiledProgram:
        """That answers them."""
        return self.deployed.programs[self.query is not None]

    @cached_property
    def in_float(self) -> Ask:
        """By PyTorch."""
        module = self._module.eval()

        @torch.inference_mode()
        def ask(user: int) -> np.ndarray:
            answer: np.ndarray = module(*map(torch.from_numpy, self._inputs(user).values())).numpy()[0]
            return answer

        return ask

    def on(self, recommender: HybridRecommender) -> Ask:
        """By an accelerator."""
        return lambda user: recommender.scores(user, self.query)[0]

    def in_onnx_runtime(self) -> tuple[Ask, Ask]:
        """In float, and with weights in int8 and activations whose ranges are found at each call."""
        exported = export_request(self._module, self._inputs(0))
        return _asked(exported.SerializeToString(), self._inputs), _asked(_in_int8(exported), self._inputs)

    @cached_property
    def _module(self) -> HistoryRequest:
        learnt = self.trained.learnt
        if self.query is None:
            return HistoryRequest(learnt.condensed)
        return QueryRequest(learnt.condensed, learnt.question, load_text_encoder())

    @cached_property
    def _tokens(self) -> Tokenizer:
        return Tokenizer(self.deployed.model)

    def _inputs(self, user: int) -> dict[str, np.ndarray]:
        """The text is read at each request, as a server does."""
        tokens = None if self.query is None else self._tokens(self.query)
        return dict(request_inputs(self.deployed.model, user, tokens))


def _asked(model: bytes, inputs: Callable[[int], dict[str, np.ndarray]]) -> Ask:
    session = OnnxSession(model)
    return lambda user: session.run(["scores"], inputs(user))[0][0]


def _in_int8(model: onnx.ModelProto) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as folder, _quiet():
        given, made = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        onnx.save(model, given)
        quantize_dynamic(given, made, weight_type=QuantType.QInt8)
        return made.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's advice to prepare a model goes to the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
