"""Random and chosen ATTENTION commands, laid out in a byte memory, with the memory that they must leave behind."""

from dataclasses import dataclass

import numpy as np

from gatewright.spec.commands import ATTENTION, AttentionFlags, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.fixed import Requantise
from gatewright.spec.memory import BUS_BYTES
from gatewright_sim.benches.gemm_cases import extreme_int8, random_int8
from gatewright_sim.benches.harness.layout import Layout, PlacedCase, padded_rows
from gatewright_sim.golden.attention import attention

__all__ = ["Heads", "place", "random_heads", "random_shape"]


@dataclass
class Heads:
    """Q [seq_q, heads * d], K and V [seq_kv, heads * d], the mask [seq_kv], requantisers and flags: the input of one
    command."""

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    heads: int
    mask: np.ndarray
    score: Requantise
    out: Requantise
    flags: int


def random_heads(
    rng: np.random.Generator, seq_q: int, seq_kv: int, heads: int, d: int, flags: int | None = None
) -> Heads:
    """Softmaxes from flat to a single key, masks from empty to full; operands and requantisers sometimes extreme."""
    extreme = rng.random() < 0.3
    draw = extreme_int8 if extreme else random_int8
    score = Requantise.from_scale(float(rng.choice([0.002, 0.02, 0.1, 0.5])))
    out = Requantise.from_scale(float(rng.choice([0.5, 1.0, 3.0])))
    if extreme and rng.random() < 0.5:
        score, out = (Requantise(int(rng.integers(1 << 16)), int(rng.integers(64))) for _ in range(2))
    return Heads(
        q=draw(rng, seq_q, heads * d),
        k=draw(rng, seq_kv, heads * d),
        v=draw(rng, seq_kv, heads * d),
        heads=heads,
        mask=rng.random(seq_kv) < rng.choice([0, 0.1, 0.7, 1]),
        score=score,
        out=out,
        flags=int(rng.integers(1 << len(AttentionFlags))) if flags is None else flags,
    )


def random_shape(rng: np.random.Generator, config: AcceleratorConfig) -> tuple[int, int, int, int]:
    """seq_q, seq_kv, heads and head_dim: small ones, one query with many heads, or the longest sequence."""
    d = 8 * int(rng.integers(1, config.max_head_dim // 8 + 1))
    shapes = (
        (rng.integers(1, 3 * config.array_rows), rng.integers(1, 3 * config.array_cols), rng.integers(1, 4), d),
        (1, rng.integers(1, config.max_seq + 1), rng.integers(1, 6), d),
        (rng.integers(1, 20), config.max_seq - rng.integers(0, 3), 1, d),
    )
    seq_q, seq_kv, heads, d = shapes[rng.integers(len(shapes))]
    return int(seq_q), int(seq_kv), int(heads), int(d)


def place(layout: Layout, case: Heads) -> PlacedCase:
    """Put the operands of a command into ``layout`` and its result into what must be there in the end."""
    masked = bool(case.flags & AttentionFlags.KEY_MASK)
    causal = bool(case.flags & AttentionFlags.CAUSAL)
    result = attention(
        case.q,
        case.k,
        case.v,
        case.heads,
        case.score,
        case.out,
        causal,
        case.mask if masked else None,
        16 if case.flags & AttentionFlags.OUT_INT16 else 8,
    )
    arrays = {name: padded_rows(layout.rng, getattr(case, name)) for name in "qkv"}
    bits = np.append(case.mask, layout.rng.random(-len(case.mask) % (8 * BUS_BYTES)) < 0.5)  # noise beyond the last key
    arrays["mask"] = np.packbits(bits, bitorder="little")
    arrays["o"] = padded_rows(layout.rng, np.zeros_like(result))
    ranges = {name: layout.put(array) for name, array in arrays.items()}
    o = arrays["o"]
    o[:, : result.itemsize * result.shape[1]] = result.view(np.uint8)
    start = ranges["o"][0]
    layout.after[start : start + o.size] = o.ravel()
    (seq_q, width), seq_kv = case.q.shape, len(case.k)
    command = encode(
        ATTENTION,
        case.flags,
        **{f"{name}_addr": begin for name, (begin, _) in ranges.items()},
        **{f"{name}_stride": arrays[name].shape[1] for name in "qkvo"},
        seq_q=seq_q,
        seq_kv=seq_kv,
        heads=case.heads,
        head_dim=width // case.heads,
        score_multiplier=case.score.multiplier,
        score_shift=case.score.shift,
        out_multiplier=case.out.multiplier,
        out_shift=case.out.shift,
    )
    reads = [ranges[name] for name in "qkv"] + ([ranges["mask"]] if masked else [])
    beats = (seq_q + 2 * seq_kv) * width // BUS_BYTES + masked * -(-seq_kv // (8 * BUS_BYTES))
    return PlacedCase(command, ErrorCode.NONE, reads, beats)
