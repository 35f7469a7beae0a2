"""From a trained model to what is deployed: the compiled program of a whole request, and the names and the graph."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import gatewright.compiler
import gatewright.program
import gatewright.recommender
import gatewright.spec
from gatewright.cache import cached_directory, digest
from gatewright.compiler.compile import compile_model
from gatewright.models.data import MovieLens
from gatewright.models.export import export_hybrid
from gatewright.models.lightgcn import graph_weights
from gatewright.models.sources import code_version
from gatewright.models.text import MAX_TOKENS, item_texts, model_directory
from gatewright.models.train import TrainedHybrid
from gatewright.models.train_fusion import profile_texts
from gatewright.program.compiled import CompiledProgram
from gatewright.program.file import load_program, save_program
from gatewright.progress import Progress
from gatewright.recommender.inputs import Tokenizer, request_inputs
from gatewright.recommender.model import FORMAT_VERSION, Catalogue, HybridModel
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.csr import CsrMatrix

__all__ = ["BUCKETS", "Deployed", "deploy_or_load", "hybrid_model", "hybrid_program"]

BUCKETS = (8, 16, 24, 32, 48, 64)
"""Numbers of tokens that the program is compiled for."""

CALIBRATION_USERS = 128
MAX_ERROR = 0.1
"""Of a layer: six layers of an int8 encoder add up to 8 % between their norms; scores are off by 2 %."""

_PACKAGES = (gatewright.compiler, gatewright.program, gatewright.recommender, gatewright.spec)
MODEL_FILE, PROGRAM_FILE = "model.npz", "program.gwp"


@dataclass(frozen=True)
class Deployed:
    """What serves requests: both parts of a hybrid model."""

    model: HybridModel
    program: CompiledProgram


def deploy_or_load(trained: TrainedHybrid, config: AcceleratorConfig, progress: Progress | None = None) -> Deployed:
    """The deployed form of a trained model for a configuration, compiled on first use and then kept in the cache."""
    key = digest(
        trained.key,
        config.hash_text,
        str(FORMAT_VERSION),
        code_version(*(f"models/{name}" for name in ("hybrid", "deploy", "export", "csr_op"))),
        *(file.read_bytes() for package in _PACKAGES for file in _sources(package)),
    )

    def make(folder: Path) -> None:
        model = hybrid_model(trained)
        model.save(folder / MODEL_FILE)
        save_program(hybrid_program(trained, model, config, progress), folder / PROGRAM_FILE)

    folder = cached_directory("deployed", key, make)
    return Deployed(HybridModel.load(folder / MODEL_FILE), load_program(folder / PROGRAM_FILE))


def _sources(package: object) -> list[Path]:
    return sorted(Path(next(iter(package.__path__))).rglob("*.py"))  # type: ignore[attr-defined]


def hybrid_model(trained: TrainedHybrid) -> HybridModel:
    """Names, tokenizer and graph of a trained model."""
    data: MovieLens = trained.data
    weights = graph_weights(data)
    return HybridModel(
        key=trained.key,
        catalogue=Catalogue(data.user_ids, data.movie_ids, data.titles, data.genres),
        tokenizer=(model_directory() / "tokenizer.json").read_text(encoding="utf-8"),
        max_tokens=MAX_TOKENS,
        history=trained.fusion.options.history,
        by_user=CsrMatrix.from_coo(data.users, data.items, weights, data.n_users, data.n_items),
        by_item=CsrMatrix.from_coo(data.items, data.users, weights, data.n_items, data.n_users),
        half_stars=data.half_stars.astype(np.uint8),
    )


def hybrid_program(
    trained: TrainedHybrid, model: HybridModel, config: AcceleratorConfig, progress: Progress | None = None
) -> CompiledProgram:
    """The program of a whole request, calibrated on real users: half ask with their profile, half with movie texts."""
    inputs = calibration_inputs(trained, model)

    def advance(stage: str, done: int) -> None:
        if progress:
            progress(f"compiling the request: {stage}", done, 2)

    advance("export", 0)
    exported = export_hybrid(trained, inputs[0])
    advance("compile", 1)
    program = compile_model(
        exported,
        config=config,
        calibration=inputs,
        buckets={"tokens": BUCKETS},
        capacity=request_capacity(model),
        name=model.program_name,
        max_error=MAX_ERROR,
        settled=True,  # room for users ten times as active as any of these would cost all others precision
    )
    advance("done", 2)
    return program


def request_capacity(model: HybridModel) -> dict[str, int]:
    """The most ratings of one user, and the most that all movies of one user have."""
    rated = int(model.by_user.degrees.max())
    return {"rated": rated, "pointers": rated + 1, "edges": model.by_item.nnz}


def calibration_inputs(trained: TrainedHybrid, model: HybridModel, seed: int = 0) -> list[dict[str, np.ndarray]]:
    """Inputs of real requests."""
    rng = np.random.default_rng(seed)
    data, tokenize = trained.data, Tokenizer(model)
    users = rng.choice(data.n_users, min(CALIBRATION_USERS, data.n_users), replace=False)
    texts, profiles = item_texts(data), profile_texts(data)
    chosen = [profiles[user] if turn % 2 else texts[rng.integers(len(texts))] for turn, user in enumerate(users)]
    return [request_inputs(model, int(user), tokenize(text)) for user, text in zip(users, chosen, strict=True)]
