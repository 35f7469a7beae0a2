"""AttentionLoads: mask, then per head K, the first tile of Q, V, further tiles of Q, each once there is room."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gatewright.spec.commands import ATTENTION, AttentionFlags, encode
from gatewright.spec.config import QUERY_TILES, get_config
from gatewright_hw.engines.gemm.attention.loads import AttentionLoads
from gatewright_hw.engines.gemm.geometry import SETUP_CYCLES, Event, Geometry, Target
from gatewright_sim.components.simulation import simulate

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
@pytest.mark.parametrize("size", [(1, 1, 1, 8), (5, 64, 3, 32), (30, 17, 2, 16), (64, 33, 4, 8)], ids=str)
def test_loads_of_an_attention(size: tuple[int, int, int, int], masked: bool, rng: np.random.Generator) -> None:
    dut, wanted = AttentionLoads(TINY), list(expected(*size, masked))
    sizes = dict(zip(("seq_q", "seq_kv", "heads", "head_dim"), size, strict=True))
    fields = {field.name: 0 for field in ATTENTION.fields} | FIELDS | sizes
    command = int.from_bytes(encode(ATTENTION, AttentionFlags.KEY_MASK if masked else 0, **fields), "little")
    here = {Event.A: 0, Event.B: 0}
    capacity = {Event.A: 2 * QUERY_TILES, Event.B: 2}
    resume: dict[int, int] = {}
    got = []

    async def testbench(ctx: Any) -> None:
        ctx.set(dut.command, command)
        await ctx.tick().repeat(SETUP_CYCLES)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        while len(got) < len(wanted):
            ctx.set(dut.job.ready, bool(rng.random() < 0.7))
            for event, release in ((Event.A, dut.release_a), (Event.B, dut.release_b)):
                free = here[event] > 0 and bool(rng.random() < 0.1)
                ctx.set(release, free)
                here[event] -= free
            if ctx.get(dut.job.valid) and ctx.get(dut.job.ready):
                job = ctx.get(dut.job.payload)
                address = job.addr if job.restart else resume[job.target]
                resume[job.target] = address + job.rows * job.stride
                if job.event in here:
                    here[Event(job.event)] += 1
                    assert here[Event(job.event)] <= capacity[Event(job.event)]
                where = Target(job.target), address, job.stride, job.rows, job.beats, job.word, job.pitch
                got.append((*where, job.event, job.transposed))
            await ctx.tick()
        (valid,) = await ctx.tick().sample(dut.job.valid).repeat(20)
        assert not valid, "more loads than the attention needs"

    simulate(dut, testbench)
    assert got == wanted
