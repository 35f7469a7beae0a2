"""A text encoder as the accelerator computes it: its program, calibrated on texts, on the golden model or the RTL."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from gatewright.compiler.compile import compile_model
from gatewright.driver.accelerator import Accelerator
from gatewright.models.export import export_encoder
from gatewright.models.text import MAX_TOKENS, TextEncoder
from gatewright.program.compiled import CompiledProgram
from gatewright.training.errors import TrainingError

__all__ = ["FabricEncoder"]

BUCKETS = (16, 32, MAX_TOKENS)
CALIBRATION_TEXTS = 32
"""Drawn from those that are to be read. Mean cosine to float of 150 titles: 0.9987 with 16, 0.9989 with 64."""


@dataclass(frozen=True)
class FabricEncoder:
    """Post-training int8: the float weights, in the formats that some texts ask for."""

    program: CompiledProgram
    tokenizer: Tokenizer

    @classmethod
    def of(cls, encoder: TextEncoder, texts: Sequence[str], config: str = "pynq-z2", seed: int = 0) -> "FabricEncoder":
        """``encoder`` as it is now, all of it on the fabric; calibrated on some of ``texts``."""
        if not texts:
            raise TrainingError("an encoder in int8 needs texts to calibrate on, got none")
        count = min(CALIBRATION_TEXTS, len(texts))
        chosen = np.random.default_rng(seed).choice(len(texts), count, replace=False)
        program = compile_model(
            export_encoder(encoder),
            config=config,
            calibration=[_inputs(ids) for ids in encoder.tokenize([texts[n] for n in chosen])],
            buckets={"tokens": BUCKETS},
            name="text encoder",
            max_error=math.inf,
        )
        return cls(program, encoder.tokenizer)

    def encode(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> np.ndarray:
        """Vectors float32 [texts, width], of the golden model's bytes; of length 1 but for rounding."""
        found = []
        with Accelerator(self.program.config, "golden") as accelerator, accelerator.load(self.program) as loaded:
            for done, encoding in enumerate(self.tokenizer.encode_batch(list(texts))):
                found.append(loaded(**_inputs(encoding.ids))["vector"][0])
                if progress:
                    progress(done + 1, len(texts))
        return np.stack(found)

    def cycles(self, tokens: int, backend: str = "rtl") -> int:
        """Of one text of ``tokens`` tokens, from doorbell to end; on golden, which has no clock, the roofline's."""
        ids = np.arange(1000, 1000 + tokens)  # which words they are changes nothing
        with Accelerator(self.program.config, backend) as accelerator, accelerator.load(self.program) as loaded:
            accelerator.reset_report()
            loaded(**_inputs(ids.tolist()))
            report = accelerator.report()
        return report.cycles or report.min_cycles


def _inputs(ids: Sequence[int]) -> dict[str, np.ndarray]:
    return {"ids": np.array([ids]), "mask": np.ones((1, len(ids)), np.int64)}
