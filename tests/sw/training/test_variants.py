"""Encoders made smaller and coarser: what each is, whose vectors are measured, and the table."""

import numpy as np
import pytest

from gatewright.evaluation.quality import Quality
from gatewright.models.text import item_texts
from gatewright.training.distil import Distillation
from gatewright.training.encoders import Variant, made
from gatewright.training.fabric import FabricEncoder
from gatewright.training.plan import Plan
from gatewright.training.variants import measured, table

PLAN = Plan(steps=2, learning_rate=1e-3, warm_up=1, validate_every=2)
OPTIONS = Distillation(layers=(0, 2), batch=8)


@pytest.mark.slow
def test_variants(tastes, tiny_encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(FabricEncoder, "cycles", lambda self, tokens: self.program.nbytes + tokens)
    found = made(tastes.train, tmp_path, student=PLAN, after=PLAN, options=OPTIONS, encoder=tiny_encoder, config="tiny")
    texts = item_texts(tastes.train)
    first, *others = found
    assert [variant.layers for variant in found] == [3, 3, 2, 2, 2, 2]
    assert [variant.int8 for variant in found] == [False, True, False, True, True, True]
    assert np.array_equal(first.vectors, tiny_encoder.encode(texts))
    assert np.array_equal(others[0].vectors, FabricEncoder.of(tiny_encoder, texts, "tiny").encode(texts))
    assert [variant.seconds > 0 for variant in found] == [False, False, True, True, True, True]
    assert len({variant.vectors.tobytes() for variant in found}) == 6
    assert first.cycles == others[0].cycles > others[1].cycles == others[2].cycles


def variant(name, layers, cycles, vectors):
    return Variant(name, layers, 1000 * layers, 12.3, False, cycles, np.array(vectors, np.float32))


def test_rows_and_their_table(monkeypatch):
    def qualities(data, shuffle, vectors):
        assert list(vectors) == ["float", "small"]
        own = {"float": np.array([0.1, 0.3, 0.2]), "small": np.array([0.1, 0.2, 0.15 - 0.03 * shuffle])}
        return {"whole": {name: Quality(10, np.arange(3), {"ndcg": values}) for name, values in own.items()}}

    monkeypatch.setattr("gatewright.training.variants.qualities", qualities)
    both = [variant("float", 6, 3000, [[1, 0], [0, 2]]), variant("small", 3, 1500, [[1, 0], [1, 1]])]
    seen = []
    first, small = measured(None, both, 2, lambda *told: seen.append(told))
    assert seen == [("systems on splits", 1, 2), ("systems on splits", 2, 2)]
    assert first.cosine == 1
    assert np.isclose(small.cosine, (1 + np.sqrt(0.5)) / 2)
    assert np.allclose(small.found["whole"].values["ndcg"], [0.1, 0.2, 0.135])
    lines = table([first, small]).splitlines()
    assert lines[2].startswith("| float | 6 | 6,000 | 3,000 (1.00x fewer) | 12 | 1.0000 | 0.2000 | +0.0% [")
    assert lines[3].startswith("| small | 3 | 3,000 | 1,500 (2.00x fewer) | 12 | 0.8536 | 0.1450 | -27.5% [-50.0%, ")
