"""Multi-head attention: one command per sequence."""

import numpy as np
import pytest

from gatewright.spec.commands import Opcode

RNG = np.random.default_rng(1)


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


def inputs(batch, queries, keys, width, kept=None, dtype=bool):
    feed = {"q": RNG.normal(size=(batch, queries, width)).astype(np.float32)}
    feed |= {name: RNG.normal(size=(batch, keys, width)).astype(np.float32) for name in "kv"}
    if kept is not None:
        feed["mask"] = (np.arange(keys) < np.asarray(kept)[:, None]).astype(dtype)
    return feed


@pytest.mark.parametrize(
    ("batch", "queries", "keys", "heads", "head_dim", "causal"),
    [(1, 12, 12, 2, 16, 0), (1, 9, 9, 3, 8, 1), (2, 5, 20, 1, 32, 0), (1, 4, 11, 2, 8, 1), (3, 1, 7, 4, 8, 0)],
)
def test_close_to_float(graph, run, batch, queries, keys, heads, head_dim, causal):
    model = attention(graph, batch, queries, keys, heads, head_dim, causal=causal)
    outcome = run(model, inputs(batch, queries, keys, heads * head_dim))
    assert not outcome.reasons
    assert outcome.error < 0.02


@pytest.mark.parametrize(("mask", "dtype"), [("input", bool), ("cast", np.int64)])
def test_key_masks_of_a_batch(graph, run, mask, dtype):
    model = attention(graph, 3, 6, 70, 2, 8, mask=mask)  # with an odd length: bits of two words
    outcome = run(model, inputs(3, 6, 70, 16, (70, 1, 33), dtype), config="pynq-z2")
    assert not outcome.reasons
    assert outcome.error < 0.02


def test_a_constant_mask(graph, run):
    mask = np.array([[True, False, True, True, False, False, True]])
    outcome = run(attention(graph, 1, 7, 7, 2, 8, mask=mask), inputs(1, 7, 7, 16))
    assert not outcome.reasons
    assert outcome.error < 0.02


def test_columns_of_very_different_size_keep_their_precision(graph, run):
    """Steps of q and k even out, and v has a step per column where the reader allows it."""
    model = attention(graph, 1, 16, 16, 2, 16)
    feed = inputs(1, 16, 16, 32)
    feed["q"][..., ::4] *= 20
    feed["k"][..., ::4] /= 20
    assert run(model, feed).error < 0.03


def test_one_command_per_sequence(graph, run):
    outcome = run(attention(graph, 4, 6, 6, 2, 8), inputs(4, 6, 6, 16))
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
def test_what_does_not_fit_runs_on_the_host(graph, run, keys, heads, head_dim, reason):
    model = attention(graph, 1, 3, keys, heads, head_dim)
    outcome = run(model, inputs(1, 3, keys, heads * head_dim))
    assert any(reason in found for found in outcome.reasons)
    assert outcome.error < 1e-5
