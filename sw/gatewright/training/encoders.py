"""Text encoders in the place of all-MiniLM-L6-v2: itself in int8, students in float, in int8, and trained for int8."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gatewright.cache import cached_directory, digest
from gatewright.models.data import MovieLens
from gatewright.models.text import TextEncoder, item_texts, load_text_encoder
from gatewright.progress import Progress
from gatewright.sources import PROGRAM_ROOMS, source_version
from gatewright.training.distil import Distillation, Distilled, distil
from gatewright.training.fabric import FabricEncoder
from gatewright.training.item_encoder import fingerprint
from gatewright.training.plan import Plan
from gatewright.training.quantise import quantise_aware

__all__ = ["Variant", "made"]

STUDENT = Plan(steps=200, learning_rate=1e-3, validate_every=50, checkpoint_every=10)
AFTER = Plan(steps=20, learning_rate=1e-4, warm_up=5, validate_every=10, checkpoint_every=1)
"""Of the student, in float or in int8; both plans were chosen on texts held out."""

TOKENS = 32


@dataclass(frozen=True)
class Variant:
    """A text encoder in the place of all-MiniLM-L6-v2.

    Attributes
    ----------
    layers, parameters : of the encoder; the first is what others are held against
    seconds : of the processor, for what it was trained besides the one it began as
    int8 : whether ``vectors``, float32 [items, 384], are the accelerator's
    cycles : of the RTL, for one text of 32 tokens
    """

    name: str
    layers: int
    parameters: int
    seconds: float
    int8: bool
    cycles: int
    vectors: np.ndarray


def made(
    data: MovieLens,
    folder: Path,
    *,
    student: Plan = STUDENT,
    after: Plan = AFTER,
    options: Distillation | None = None,
    encoder: TextEncoder | None = None,
    config: str = "pynq-z2",
    progress: Progress | None = None,
) -> list[Variant]:
    """All variants of ``encoder`` (default: all-MiniLM-L6-v2), the encoder itself first."""
    teacher, texts = encoder or load_text_encoder(), item_texts(data)

    def stage(name: str) -> Callable[[int, int], None] | None:
        return (lambda done, total: progress(name, done, total)) if progress else None

    begun = distil(teacher, texts, student, options, folder=folder / "student", progress=stage("student"))
    further = distil(
        teacher,
        texts,
        after,
        options,
        begin=begun.encoder,
        folder=folder / "further",
        progress=stage("student, further"),
    )
    aware = quantise_aware(
        teacher, texts, begun.encoder, after, options, config=config, folder=folder / "aware", progress=stage("aware")
    )
    cycles: dict[int, int] = {}

    def variant(name: str, of: TextEncoder, seconds: float = 0.0, *, int8: bool) -> Variant:
        layers = len(of.bert.encoder.layer)
        if layers not in cycles:
            cycles[layers] = FabricEncoder.of(of, texts, config).cycles(TOKENS)
        vectors = _int8(of, texts, config, stage(f"{name}: texts")) if int8 else of.encode(texts)
        parameters = sum(parameter.numel() for parameter in of.bert.parameters())
        return Variant(name, layers, parameters, seconds, int8, cycles[layers], vectors)

    def trained(name: str, of: Distilled, *, int8: bool) -> Variant:
        return variant(name, of.encoder, of.history.cpu_seconds, int8=int8)

    return [
        variant("float", teacher, int8=False),
        variant("int8", teacher, int8=True),
        trained("student, float", begun, int8=False),
        trained("student, int8", begun, int8=True),
        trained("student trained further, int8", further, int8=True),
        trained("student trained in int8", aware, int8=True),
    ]


def _int8(
    encoder: TextEncoder, texts: Sequence[str], config: str, progress: Callable[[int, int], None] | None
) -> np.ndarray:
    """Of the golden model, kept."""

    def make(path: Path) -> None:
        np.save(path / "vectors.npy", FabricEncoder.of(encoder, texts, config).encode(texts, progress))

    key = digest(fingerprint(encoder.bert), *texts, config, source_version(__name__, rooms=PROGRAM_ROOMS))
    return np.load(cached_directory("int8", key, make) / "vectors.npy")
