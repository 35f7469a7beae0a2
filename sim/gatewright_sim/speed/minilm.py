"""all-MiniLM-L6-v2 as one program, against a roofline that no program can lower: its products and its weights, once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gatewright.cache import cached_directory, digest
from gatewright.compiler.compile import compile_model
from gatewright.compiler.errors import AccuracyWarning
from gatewright.compiler.quantisation.judge import MAX_ERROR
from gatewright.driver.accelerator import Accelerator
from gatewright.models import deploy
from gatewright.models.data import load_movielens
from gatewright.models.export import export_encoder
from gatewright.models.text import item_texts, load_text_encoder, model_directory
from gatewright.program.compiled import CompiledProgram
from gatewright.program.file import load_program, save_program
from gatewright.sources import PROGRAM_ROOMS, source_version
from gatewright.spec.config import AcceleratorConfig
from gatewright_sim.speed.encoder import Encoder
from gatewright_sim.speed.workload import Counted, Workload

__all__ = ["TOKENS", "minilm", "minilm_program", "sequence_length"]

TOKENS = (32, 64, 128)
LENGTHS = (16, 32, 64, 128, 256)
"""Numbers of tokens that show how cycles grow; the program is compiled for these."""

CALIBRATION_TEXTS = 32
BOUNDS = {"as compiled by default": MAX_ERROR, "as in the recommender": deploy.MAX_ERROR}
"""Of a layer's error: the first lets layers take their operands in two int8 parts, the second none."""

_FILE = "minilm.gwp"


def minilm(config: AcceleratorConfig) -> Iterator[Workload]:
    """Both programs at several lengths."""
    for how, max_error in BOUNDS.items():
        for tokens in TOKENS:
            if tokens <= config.max_seq:
                yield _workload("MiniLM", f"{tokens} tokens, {how}", tokens, max_error, config)


def sequence_length(config: AcceleratorConfig) -> Iterator[Workload]:
    """The recommender's at more lengths; the size is the number of tokens."""
    for tokens in LENGTHS:
        if tokens <= config.max_seq:
            yield _workload("sequence length", f"MiniLM, {tokens} tokens", tokens, deploy.MAX_ERROR, config, tokens)


def minilm_program(config: AcceleratorConfig, max_error: float) -> CompiledProgram:
    """MiniLM for LENGTHS, calibrated on titles; compiled on first use, in a minute, and then kept in the cache."""

    def make(folder: Path) -> None:
        texts = item_texts(load_movielens())
        chosen = np.random.default_rng(0).choice(len(texts), CALIBRATION_TEXTS, replace=False)
        encoder = load_text_encoder()
        calibration = [_inputs(ids) for ids in encoder.tokenize([texts[each] for each in chosen])]
        buckets = {"tokens": [length for length in LENGTHS if length <= config.max_seq]}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AccuracyWarning)  # six layers add up to more: speed is asked for here
            program = compile_model(
                export_encoder(encoder), config=config, calibration=calibration, buckets=buckets, max_error=max_error
            )
        save_program(program, folder / _FILE)

    return load_program(cached_directory("minilm", _made_from(config, max_error), make) / _FILE)


def _made_from(config: AcceleratorConfig, max_error: float) -> str:
    return digest(config.hash_text, str(max_error), source_version(__name__, rooms=PROGRAM_ROOMS))


def _workload(
    part: str, what: str, tokens: int, max_error: float, config: AcceleratorConfig, size: int | None = None
) -> Workload:
    def run(accelerator: Accelerator) -> Counted:
        bounds = Encoder.of(model_directory()).roofline(tokens, config, accelerator.backend.memory)
        with accelerator.load(minilm_program(config, max_error)) as loaded:
            loaded(**_inputs(list(range(1000, 1000 + tokens))))  # which words they are changes nothing
        return Counted(accelerator.report().cycles, *bounds)

    return Workload(part, what, f"{_made_from(config, max_error)} {tokens}", run, size)


def _inputs(ids: list[int]) -> dict[str, npt.NDArray[np.int64]]:
    return {"ids": np.array([ids]), "mask": np.ones((1, len(ids)), np.int64)}
