"""An encoder as the accelerator runs it: near to float, the program's own bytes, and cycles that grow with layers."""

import numpy as np
import pytest

from gatewright import Accelerator
from gatewright.training.distil import student_of
from gatewright.training.errors import TrainingError
from gatewright.training.fabric import FabricEncoder

TEXTS = [f"{kind} number {n}" for n in range(12) for kind in ("western", "space adventure", "romance")]


@pytest.fixture(scope="module")
def made(tiny_encoder):
    return FabricEncoder.of(tiny_encoder, TEXTS, "tiny")


def test_near_to_float(made, tiny_encoder):
    found, wanted = made.encode(TEXTS), tiny_encoder.encode(TEXTS)
    assert found.shape == wanted.shape
    assert (found * wanted).sum(1).min() > 0.98
    assert not np.array_equal(found, wanted)


def test_these_are_the_program_s_bytes(made, tiny_encoder):
    (ids,) = tiny_encoder.tokenize(TEXTS[:1])
    with Accelerator("tiny", "golden") as accelerator, accelerator.load(made.program) as loaded:
        vector = loaded(ids=np.array([ids]), mask=np.ones((1, len(ids)), np.int64))["vector"]
    assert np.array_equal(made.encode(TEXTS[:1]), vector)


def test_cycles(made, tiny_encoder):
    smaller = FabricEncoder.of(student_of(tiny_encoder, (0, 2)), TEXTS, "tiny")
    assert made.cycles(32, "golden") > 1.2 * smaller.cycles(32, "golden")
    assert made.cycles(32, "golden") > made.cycles(8, "golden")


def test_nothing_to_calibrate_on(tiny_encoder):
    with pytest.raises(TrainingError, match="needs texts to calibrate on, got none"):
        FabricEncoder.of(tiny_encoder, [], "tiny")
