"""Multi-head attention: one command per sequence."""

import numpy as np
import pytest

from gatewright import Accelerator
from gatewright.compiler.compile import compile_model
from gatewright.spec.commands import Opcode


def attention(graph, batch, queries, keys, heads, head_dim, *, mask=None, causal=0, scale=None):
    """The operator on three inputs; ``mask`` is "input" (bool), "cast" (from int64), an array, or None."""
    width = heads * head_dim
    g = graph()
    operands = [g.input("q", [batch, queries, width])]
    operands += [g.input(name, [batch, keys, width]) for name in "kv"]
    if isinstance(mask, np.ndarray):
        operands.append(g.constant(mask))
    elif mask == "input":
        operands.append(g.input("mask", [batch, keys], bool))
    elif mask == "cast":
        operands.append(g.node("Cast", [g.input("mask", [batch, keys], np.int64)], [batch, keys], to=9, dtype=bool))
    scale = head_dim**-0.5 if scale is None else scale
    overload = "" if mask is None else "masked"
    return g.model(
        g.node(
            "Attention",
            operands,
            [batch, queries, width],
            ours=True,
            overload=overload,
            heads=heads,
            causal=causal,
            scale=float(scale),
        )
    )


def inputs(rng, batch, queries, keys, width, kept=None, dtype=bool):
    feed = {"q": rng.normal(size=(batch, queries, width)).astype(np.float32)}
    feed |= {name: rng.normal(size=(batch, keys, width)).astype(np.float32) for name in "kv"}
    if kept is not None:
        feed["mask"] = (np.arange(keys) < np.asarray(kept)[:, None]).astype(dtype)
    return feed


@pytest.mark.parametrize(
    ("batch", "queries", "keys", "heads", "head_dim", "causal"),
    [(1, 12, 12, 2, 16, 0), (1, 9, 9, 3, 8, 1), (2, 5, 20, 1, 32, 0), (1, 4, 11, 2, 8, 1), (3, 1, 7, 4, 8, 0)],
)
def test_close_to_float(graph, run, batch, queries, keys, heads, head_dim, causal, rng):
    model = attention(graph, batch, queries, keys, heads, head_dim, causal=causal)
    outcome = run(model, inputs(rng, batch, queries, keys, heads * head_dim))
    assert not outcome.reasons
    assert outcome.error < 0.02


@pytest.mark.parametrize(("mask", "dtype"), [("input", bool), ("cast", np.int64)])
def test_key_masks_of_a_batch(graph, run, mask, dtype, rng):
    model = attention(graph, 3, 6, 70, 2, 8, mask=mask)  # with an odd length: bits of two words
    outcome = run(model, inputs(rng, 3, 6, 70, 16, (70, 1, 33), dtype), config="pynq-z2")
    assert not outcome.reasons
    assert outcome.error < 0.02


def opposite(graph, tokens):
    """Attention whose mask input is true for keys that do not count, in a shape of its own."""
    g = graph()
    x, padding = g.input("x", [1, tokens, 16]), g.input("padding", [1, 1, 1, tokens], bool)
    flat = g.node("Reshape", [padding, g.constant(np.array([1, -1]))], [1, tokens], dtype=bool)
    kept = g.node("Not", [flat], [1, tokens], dtype=bool)
    options = {"heads": 2, "causal": 0, "scale": 0.35}
    return g.model(g.node("Attention", [x, x, x, kept], [1, tokens, 16], ours=True, overload="masked", **options))


def test_a_mask_of_what_does_not_count(graph, run, rng):
    padding = np.arange(9).reshape(1, 1, 1, 9) >= 6
    outcome = run(opposite(graph, 9), {"x": inputs(rng, 1, 9, 9, 16)["q"], "padding": padding})
    assert not outcome.reasons
    assert len(outcome.steps) == 1
    assert outcome.error < 0.02


def test_a_bucket_pads_such_a_mask_with_what_does_not_count(graph):
    program = compile_model(opposite(graph, "tokens"), config="tiny", buckets={"tokens": [8, 16]})
    assert [value.fill for value in program.variants[0].inputs] == [0, 1]
    assert [len(variant.steps) for variant in program.variants] == [1, 1]


def test_a_mask_that_the_host_reads_too(graph, run, rng):
    g = graph()
    x, mask = g.input("x", [1, 6, 16]), g.input("mask", [1, 6], np.int64)
    truth = g.node("Cast", [mask], [1, 6], to=9, dtype=bool)
    options = {"heads": 2, "causal": 0, "scale": 0.35}
    mixed = g.node("Attention", [x, x, x, truth], [1, 6, 16], ours=True, overload="masked", **options)
    z = g.input("z", [1, 6, 4])
    strange = g.node("Attention", [z, z, z, truth], [1, 6, 4], ours=True, overload="masked", **options)
    feed = {
        "x": inputs(rng, 1, 6, 6, 16)["q"],
        "z": inputs(rng, 1, 6, 6, 4)["q"],
        "mask": np.array([[1, 1, 0, 1, 0, 0]]),
    }
    outcome = run(g.model(mixed, strange), feed)
    assert any("a head has 2 columns" in reason for reason in outcome.reasons)
    assert outcome.error < 0.02


def test_queries_keys_and_values_of_one_layer_are_parts_of_one_matrix(graph, run, rng):
    g = graph()
    x = g.input("x", [1, 30, 32])
    weight = g.constant(rng.normal(size=(96, 32)).astype(np.float32) / 6)
    joint = g.node("Linear", [x, weight], [1, 30, 96], ours=True, overload="no_bias")
    parts = g.split(joint, 3, [1, 30, 32])
    options = {"heads": 2, "causal": 0, "scale": 0.25}
    mixed = g.node("Attention", parts, [1, 30, 32], ours=True, **options)
    out = g.constant(rng.normal(size=(8, 32)).astype(np.float32) / 6)
    model = g.model(g.node("Linear", [mixed, out], [1, 30, 8], ours=True, overload="no_bias"))
    outcome = run(model, {"x": inputs(rng, 1, 30, 30, 32)["q"]})
    (step,) = outcome.steps
    words = outcome.program.image[step.offset : step.offset + 64 * step.count : 64]
    assert list(words) == [Opcode.GEMM, Opcode.ATTENTION, Opcode.GEMM]
    assert outcome.error < 0.03


def test_a_constant_mask(graph, run, rng):
    mask = np.array([[True, False, True, True, False, False, True]])
    outcome = run(attention(graph, 1, 7, 7, 2, 8, mask=mask), inputs(rng, 1, 7, 7, 16))
    assert not outcome.reasons
    assert outcome.error < 0.02


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize("mask", ["input", "constant"])
def test_a_query_without_any_key_gets_zeros(graph, run, mask, causal, rng):
    """A sequence that is all padding, and, with a causal mask, the padding in front of one."""
    kept = np.array([[0] * 7, [1] * 7, [0, 0, 0, 1, 1, 0, 1]], bool)
    feed = inputs(rng, 3, 7, 7, 16)
    given = "input" if mask == "input" else kept
    model = attention(graph, 3, 7, 7, 2, 8, mask=given, causal=causal)
    outcome = run(model, feed | ({"mask": kept} if mask == "input" else {}))
    assert not outcome.reasons
    (found,) = outcome.found.values()
    empty = ~(np.tri(7, dtype=bool)[None] & kept[:, None] if causal else kept[:, None].repeat(7, 1)).any(-1)
    assert empty.any()
    assert not found[empty].any()
    assert found[~empty].any(-1).all()
    assert outcome.error < 0.02


@pytest.mark.parametrize(("kept", "empty"), [((5, 5), []), ((5, 0), [(1, 2)]), ((0, 0), [(2, 2)])])
def test_a_call_reports_sequences_without_a_key(graph, kept, empty, rng):
    """Those that the caller brings; what pads a call to its bucket is none of them."""
    model = attention(graph, "batch", 5, 5, 2, 8, mask="input")
    program = compile_model(model, config="tiny", buckets={"batch": [4]})
    feed = inputs(rng, 2, 5, 5, 16, kept)
    with Accelerator(program.config, "golden") as accelerator, accelerator.load(program) as loaded:
        loaded(**feed)
        assert [(each.count, each.sequences) for each in loaded.report.empty] == empty
        assert all("the mask 'mask' leaves nothing of" in str(each) for each in loaded.report.empty)


@pytest.mark.parametrize("lowest", [np.finfo(np.float32).min])
@pytest.mark.parametrize("spelling", ["Where", "Add"])
@pytest.mark.parametrize("constant", [False, True])
def test_a_softmax_of_nothing_is_flat(graph, run, rng, spelling, constant, lowest):
    """In attention that is no operator of ours: as ONNX has it for a lowest number. Of -inf it makes NaN."""
    kept = rng.random((6, 9)) < 0.6
    kept[0], kept[2] = True, False
    bias = np.where(kept, 0, np.float32(lowest)).astype(np.float32)
    g = graph()
    feed = {"x": rng.normal(size=(6, 9)).astype(np.float32)}
    x, given = g.input("x", [6, 9]), kept if spelling == "Where" else bias
    mask = g.constant(given) if constant else g.input("mask", [6, 9], given.dtype)
    feed |= {} if constant else {"mask": np.maximum(given, np.finfo(np.float32).min) if spelling == "Add" else given}
    masked = [mask, x, g.constant(np.float32(lowest))] if spelling == "Where" else [x, mask]
    outcome = run(g.model(g.node("Softmax", [g.node(spelling, masked, [6, 9])], [6, 9])), feed)
    (found,), (expected,) = outcome.found.values(), outcome.expected.values()
    assert np.abs(found[2] - 1 / 9).max() < 1e-3
    assert np.abs(np.delete(found - expected, 2, 0)).max() < 2e-3


def test_more_queries_than_keys_with_a_causal_mask(graph, run, rng):
    """The last query sees the last key, hence the first ones none."""
    outcome = run(attention(graph, 1, 9, 5, 2, 8, causal=1), inputs(rng, 1, 9, 5, 16))
    (found,) = outcome.found.values()
    assert not found[:, :4].any()
    assert outcome.error < 0.02


def test_columns_of_very_different_size_keep_their_precision(graph, run, rng):
    """Steps of q and k even out, and v has a step per column where the reader allows it."""
    model = attention(graph, 1, 16, 16, 2, 16)
    feed = inputs(rng, 1, 16, 16, 32)
    feed["q"][..., ::4] *= 20
    feed["k"][..., ::4] /= 20
    assert run(model, feed).error < 0.03


def test_one_command_per_sequence(graph, run, rng):
    outcome = run(attention(graph, 4, 6, 6, 2, 8), inputs(rng, 4, 6, 6, 16))
    (step,) = outcome.steps
    words = outcome.program.image[step.offset : step.offset + 64 * step.count : 64]
    assert list(words) == [Opcode.ATTENTION] * 4


@pytest.mark.parametrize(
    ("keys", "heads", "head_dim", "reason"),
    [
        (10, 2, 12, "a head has 12 columns, allowed: a multiple of 8 up to"),
        (10, 1, 264, "a head has 264 columns, allowed: a multiple of 8 up to"),
        (5000, 1, 8, "it has 5000 keys, allowed at most"),
    ],
)
def test_what_does_not_fit_runs_on_the_host(graph, run, keys, heads, head_dim, reason, rng):
    model = attention(graph, 1, 3, keys, heads, head_dim)
    outcome = run(model, inputs(rng, 1, 3, keys, heads * head_dim))
    assert any(reason in found for found in outcome.reasons)
    assert outcome.error < 1e-5
