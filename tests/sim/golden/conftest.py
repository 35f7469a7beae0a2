"""Runs a command on a memory; activations of MiniLM on real texts, as vector commands meet them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from gatewright.spec.commands import decode
from gatewright.spec.config import get_config
from gatewright.spec.errors import ErrorCode
from gatewright_sim.golden.engines import execute
from gatewright_sim.memory import SimulatedMemory

Run = Callable[[bytes, SimulatedMemory], ErrorCode]


@pytest.fixture
def run() -> Run:
    """Runs a valid command to its end; returns what went wrong, or NONE."""

    def finish(command: bytes, memory: SimulatedMemory) -> ErrorCode:
        work = execute(decode(command), memory, get_config("tiny"))
        while True:
            try:
                next(work)
            except StopIteration as end:
                return end.value

    return finish


TEXTS = (
    "The Matrix. Action, Sci-Fi, Thriller",
    "Cité des enfants perdus, La",
    "a quiet film about two friends who open a restaurant by the sea, with subtitles",
    "2001: A Space Odyssey. Adventure, Drama, Sci-Fi",
)


@dataclass
class Activations:
    """Real matrices [rows, columns] of one text after the other, by operation; norms with their gain and bias."""

    norms: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    gelu: list[np.ndarray] = field(default_factory=list)
    scores: list[np.ndarray] = field(default_factory=list)
    sums: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    hidden: list[np.ndarray] = field(default_factory=list)


@pytest.fixture(scope="session")
def minilm() -> Activations:
    """Captured with hooks from the float model, every layer."""
    import torch

    from gatewright.models.text import load_text_encoder

    encoder = load_text_encoder()
    found = Activations()
    handles = []

    def hook(module: torch.nn.Module, call) -> None:
        handles.append(module.register_forward_hook(call))

    def matrix(tensor: torch.Tensor) -> np.ndarray:
        return tensor[0].double().numpy()

    def norm(module, inputs, _output) -> None:
        found.norms.append((matrix(inputs[0]), module.weight.double().numpy(), module.bias.double().numpy()))

    projections: dict[str, torch.Tensor] = {}

    def scores(attention):
        def call(_module, _inputs, _output) -> None:
            def heads(x: torch.Tensor) -> torch.Tensor:
                return x[0].double().unflatten(1, (attention.num_attention_heads, -1)).transpose(0, 1)

            q, k = heads(projections["query"]), heads(projections["key"])
            found.scores.append((q @ k.transpose(1, 2) / q.shape[-1] ** 0.5).flatten(0, 1).numpy())

        return call

    bert = encoder.bert
    for module in bert.modules():
        if isinstance(module, torch.nn.LayerNorm):
            hook(module, norm)
    words, positions = {}, {}
    hook(bert.embeddings.word_embeddings, lambda _m, _i, output: words.update(x=matrix(output)))
    hook(bert.embeddings.position_embeddings, lambda _m, _i, output: positions.update(x=matrix(output)))
    hook(bert.embeddings, lambda _m, _i, _o: found.sums.append((words["x"], positions["x"])))
    for layer in bert.encoder.layer:
        hook(layer.intermediate.dense, lambda _m, _i, output: found.gelu.append(matrix(output)))
        attention = layer.attention.self
        for name in ("query", "key"):
            hook(getattr(attention, name), lambda _m, _i, output, name=name: projections.update({name: output}))
        hook(attention, scores(attention))
        hook(layer.output.dense, lambda _m, _i, output: found.hidden.append(matrix(output)))
    try:
        with torch.inference_mode():
            for ids in encoder.tokenize(TEXTS):
                encoder.hidden(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))
    finally:
        for handle in handles:
            handle.remove()
    return found
