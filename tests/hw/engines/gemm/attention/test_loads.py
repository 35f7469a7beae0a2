"""AttentionLoads: mask, then per head K, the first tile of Q, V, further tiles of Q, each once there is room."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import ATTENTION, AttentionFlags, encode
from gatewright.spec.config import QUERY_TILES, get_config
from gatewright_hw.engines.gemm.attention.loads import AttentionLoads
from gatewright_hw.engines.gemm.geometry import Event, Geometry, Target
from gatewright_sim.components.gemm_control import take_loads

TINY = Geometry(get_config("tiny"))
FIELDS = {"q_addr": 0x10000, "k_addr": 0x20000, "v_addr": 0x30000, "mask_addr": 0x40000}
FIELDS |= {"q_stride": 0x108, "k_stride": 0x110, "v_stride": 0x118}


def expected(seq_q: int, seq_kv: int, heads: int, head_dim: int, masked: bool) -> Iterator[tuple[Any, ...]]:
    """Target, address, stride, rows, beats, word, pitch, event and whether it is transposed, of each load."""
    g, words = TINY, head_dim // 8
    tiles = -(-seq_q // g.rows)
    if masked:
        yield Target.MASK, FIELDS["mask_addr"], 0, 1, -(-seq_kv // 64), 0, words, Event.NONE, 0
    for head in range(heads):
        offset, half = head * head_dim, g.b_half * (head % 2)
        yield Target.B, FIELDS["k_addr"] + offset, FIELDS["k_stride"], seq_kv, words, half, words, Event.B, 0
        for tile in range(tiles):
            upper, index = divmod((head * tiles + tile) % (2 * QUERY_TILES), QUERY_TILES)
            address = FIELDS["q_addr"] + offset + tile * g.rows * FIELDS["q_stride"]
            rows, word = min(g.rows, seq_q - tile * g.rows), upper * g.a_half + index * words
            yield Target.A, address, FIELDS["q_stride"], rows, words, word, words, Event.A, 0
            if tile == 0:
                address, word = FIELDS["v_addr"] + offset, half + g.v_offset
                yield Target.B, address, FIELDS["v_stride"], seq_kv, words, word, -(-seq_kv // 8), Event.V, 1


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [(1, 1, 9, 8), (5, 64, 3, 32), (30, 17, 2, 16), (64, 33, 4, 8)], ids=str)
def test_loads_of_an_attention(size: tuple[int, int, int, int], masked: bool, rng: np.random.Generator) -> None:
    wanted = list(expected(*size, masked))
    sizes = dict(zip(("seq_q", "seq_kv", "heads", "head_dim"), size, strict=True))
    fields = {field.name: 0 for field in ATTENTION.fields} | FIELDS | sizes
    command = encode(ATTENTION, AttentionFlags.KEY_MASK if masked else 0, **fields)
    loads = take_loads(AttentionLoads(TINY), command, len(wanted), {Event.A: 2 * QUERY_TILES, Event.B: 2}, rng)
    assert [
        (job.target, address, job.stride, job.rows, job.beats, job.word, job.pitch, job.event, job.transposed)
        for address, job in loads
    ] == wanted
