"""The hybrid as it is served: in float, as ONNX for other runtimes, and as a program of the accelerator."""

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

from gatewright.driver import Session
from gatewright.models.data import MovieLens
from gatewright.models.deploy import Deployed, deploy_or_load
from gatewright.models.export import export_hybrid
from gatewright.models.train import TrainedHybrid, train_or_load
from gatewright.program.onnx_session import OnnxSession
from gatewright.progress import Progress
from gatewright.recommender.inputs import Tokenizer, request_inputs
from gatewright.recommender.request import HybridRecommender
from gatewright.spec.config import AcceleratorConfig

__all__ = ["Ask", "Served"]

Ask = Callable[[int], np.ndarray]
"""One whole request of the user with an index: float32 [items]."""


@dataclass(frozen=True)
class Served:
    """Trained on the ratings that requests are about."""

    trained: TrainedHybrid
    deployed: Deployed

    @classmethod
    def of(cls, known: MovieLens, config: AcceleratorConfig, progress: Progress | None = None) -> Served:
        """From the cache where it is there."""
        trained = train_or_load(known, progress=progress)
        return cls(trained, deploy_or_load(trained, config, progress))

    @cached_property
    def in_float(self) -> Ask:
        """By PyTorch."""
        reference = self.trained.reference()
        return lambda user: reference.request(user)

    def on(self, accelerator: Session) -> Ask:
        """By the accelerator."""
        recommender = HybridRecommender(accelerator, self.deployed.model, self.deployed.program)
        return lambda user: recommender.scores(user, self._text(user))[0]

    def in_onnx_runtime(self) -> tuple[Ask, Ask]:
        """In float, and with int8 weights and activations whose ranges are found at each call."""
        tokens = Tokenizer(self.deployed.model)

        def inputs(user: int) -> dict[str, np.ndarray]:
            return request_inputs(self.deployed.model, user, tokens(self._text(user)))

        exported = export_hybrid(self.trained, inputs(0))
        sessions = [OnnxSession(model) for model in (exported.SerializeToString(), _in_int8(exported))]
        first, second = (lambda user, own=session: own.run(["scores"], inputs(user))[0][0] for session in sessions)
        return first, second

    def _text(self, user: int) -> str:
        return self.trained.reference().query_text(user)


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
