"""The golden vectors of ``gatewright selftest``, made from commands: ``python -m gatewright_sim.selftest`` writes them.

Operands are drawn so that every multiplier, lane and bit takes part in some result: all of int8 by chance, rows with a
single entry, and the ends of the ranges. Tiles are larger than the largest array, 32 by 32, so that each of its
multipliers works; sizes beyond what a small configuration holds are skipped there.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from gatewright.selftest.vectors import DATA, KERNELS, GoldenVector
from gatewright.spec.commands import AttentionFlags, GemmFlags
from gatewright.spec.fixed import Requantise
from gatewright.spec.memory import BUS_BYTES
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright_sim.commands import (
    AggregateCommand,
    AttentionCommand,
    Command,
    EpilogueCommand,
    GemmCommand,
    Layout,
    VectorCommand,
)
from gatewright_sim.commands.draw import draw_int8

__all__ = ["golden_vectors", "main"]

_ROOM = 1 << 20
_SHIFTS = (22, 26)
"""Of requantisers that bring sums of some dozen products into int8."""


def golden_vectors(kernel: str) -> list[GoldenVector]:
    """The vectors of a kernel."""
    return [_vector(name, command) for name, command in _COMMANDS[kernel]()]


def _vector(name: str, command: Command) -> GoldenVector:
    layout = Layout(_rng(name), _ROOM)
    raw = command.place(layout).command
    end = layout.put(np.zeros(BUS_BYTES, np.uint8))[1]  # and some room behind the last operand
    vector = GoldenVector(name, raw, layout.before[:end], np.atleast_2d(command.result()))
    place, after = vector.result, vector.after()
    for row in range(place.rows):  # each byte of the result has to be written
        start = place.address + row * place.stride
        vector.memory[start : start + place.row_bytes] = ~after[start : start + place.row_bytes]
    return vector


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _gemm() -> Iterator[tuple[str, Command]]:
    plain, int16 = GemmFlags.OUT_INT32, GemmFlags.OUT_INT16 | GemmFlags.PARAMS
    sizes = {
        "gemm products": (66, 70, 64, plain),
        "gemm int8": (34, 37, 72, GemmFlags.PARAMS | GemmFlags.B_NARROW),
        "gemm int16, B as [K, N]": (9, 67, 24, int16 | GemmFlags.B_KN),
        "gemm deep": (8, 32, 512, plain | GemmFlags.PARAMS | GemmFlags.B_NARROW),
        "gemm one entry": (64, 64, 32, plain),
        "gemm ends of the range": (32, 32, 120, plain | GemmFlags.PARAMS),
    }
    for name, (m, n, k, flags) in sizes.items():
        rng = _rng(name)
        command = GemmCommand.of_shape(rng, m, n, k, flags)
        a, b = draw_int8(rng, m, k), draw_int8(rng, n, k)
        command.params["shift"] = rng.integers(*_SHIFTS, n)
        command.params["bias"] = rng.integers(-(2**20), 2**20, n)
        if name == "gemm one entry":
            a = np.where(np.arange(k) == np.arange(m)[:, None] % k, rng.choice([-128, -1, 1, 127], (m, 1)), 0)
        elif name == "gemm ends of the range":
            a, b = (np.repeat(rng.choice([-128, 127], (rows, 1)), k, axis=1) for rows in (m, n))
            command.params["bias"] = rng.choice([-(2**31), 2**31 - 1], n)
        yield name, replace(command, a=a.astype(np.int8), b=b.astype(np.int8))
    yield from _epilogues()


def _epilogues() -> Iterator[tuple[str, Command]]:
    """Of whole tiles of any array."""
    flags = GemmFlags.PARAMS | GemmFlags.OUT_INT16 | GemmFlags.B_NARROW
    int8, int16 = ElementType.INT8, ElementType.INT16
    cases = {
        "gemm then table": (34, 64, 40, flags, Function.TABLE, Combine.ALONE, int8),
        "gemm then add": (33, 96, 24, flags | GemmFlags.A_RESIDENT, Function.NONE, Combine.ADD, int16),
    }
    for name, (m, n, k, product, function, combine, kind) in cases.items():
        rng = _rng(name)
        drawn = EpilogueCommand.of_shape(rng, m, n, k, flags=product, function=function, combine=combine, kind=kind)
        drawn.product.params["shift"] = rng.integers(16, 20, n)
        drawn.product.params["bias"] = rng.integers(-(2**20), 2**20, n)
        a, b = draw_int8(rng, m, k), draw_int8(rng, n, k)
        yield name, replace(drawn, product=replace(drawn.product, a=a, b=b), noise=(0, 0))


def _attention() -> Iterator[tuple[str, Command]]:
    sizes = {
        "attention": (33, 40, 2, 16, AttentionFlags(0)),
        "attention causal": (34, 34, 1, 32, AttentionFlags.CAUSAL),
        "attention masked, int16": (5, 33, 3, 8, AttentionFlags.KEY_MASK | AttentionFlags.OUT_INT16),
        "attention longest": (3, 64, 1, 24, AttentionFlags.OUT_INT16),
        "attention without keys": (5, 20, 2, 8, AttentionFlags.KEY_MASK),
        "attention ends of the range": (7, 16, 1, 8, AttentionFlags.OUT_INT16),
    }
    for name, (queries, keys, heads, d, flags) in sizes.items():
        rng = _rng(name)
        command = AttentionCommand.of_shape(rng, queries, keys, heads, d, flags)
        q, k, v = (draw_int8(rng, rows, heads * d) for rows in (queries, keys, keys))
        mask = rng.random(keys) < 0.7
        if name == "attention without keys":
            mask[:] = False
        elif name == "attention ends of the range":
            q, k, v = (draw_int8(rng, *each.shape, extreme=True) for each in (q, k, v))
        score, out = Requantise.from_scale(0.02), Requantise.from_scale(1.0)
        yield name, replace(command, q=q, k=k, v=v, mask=mask, score=score, out=out)


def _aggregate() -> Iterator[tuple[str, Command]]:
    degrees = {
        "aggregate": (tuple(_rng("degrees").integers(0, 20, 24)), 64),
        "aggregate hub": ((1, 300, 0, 1), 8),
        "aggregate empty rows": ((0, 0, 3, 0), 13),
        "aggregate widest": ((5, 0, 40), 127),
        "aggregate ends of the range": ((0, 200, 3), 40),
    }
    for name, (each, features) in degrees.items():
        rng = _rng(name)
        command = AggregateCommand.of_degrees(rng, each, features)
        nnz, extreme = command.weight.size, name == "aggregate ends of the range"
        x = draw_int8(rng, 30, features, extreme=extreme)
        weight = rng.choice([-(2**15), 2**15 - 1], nnz) if extreme else rng.integers(-(2**15), 2**15, nnz)
        col, scale = rng.integers(0, len(x), nnz), Requantise.from_scale(2.0**-18)
        yield name, replace(command, x=x, col=col.astype(np.uint32), weight=weight.astype(np.int16), requantise=scale)


def _vector_kernel() -> Iterator[tuple[str, Command]]:
    int8, int16, int32 = ElementType.INT8, ElementType.INT16, ElementType.INT32
    cases = {
        "vector add": (33, 61, Function.NONE, Combine.ADD, (int16, int8, int16)),
        "vector multiply": (17, 64, Function.NONE, Combine.MULTIPLY, (int16, int16, int32)),
        "vector table": (33, 64, Function.TABLE, Combine.ALONE, (int16, int8, int8)),
        "vector layer norm": (9, 64, Function.LAYER_NORM, Combine.ADD, (int16, int16, int16)),
        "vector rms norm": (9, 63, Function.RMS_NORM, Combine.ALONE, (int16, int8, int8)),
        "vector softmax": (9, 50, Function.SOFTMAX, Combine.ALONE, (int16, int8, int16)),
        "vector wide": (3, 512, Function.LAYER_NORM, Combine.ALONE, (int8, int8, int16)),
    }
    unused = {"b_addr": 0, "b_stride": 0, "table_addr": 0, "b_multiplier": 1}
    for name, (rows, cols, function, combine, types) in cases.items():
        command = VectorCommand.of_shape(_rng(name), rows, cols, function=function, combine=combine, types=types)
        kept = {field: value for field, value in unused.items() if field in command.noise}
        yield name, replace(command, noise=kept)


_COMMANDS = {"gemm": _gemm, "attention": _attention, "aggregate": _aggregate, "vector": _vector_kernel}


def main(folder: Path = DATA) -> None:
    """Write the vectors to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for kernel in KERNELS:
        arrays = {}
        for vector in golden_vectors(kernel):
            arrays[f"{vector.name}/command"] = np.frombuffer(vector.command, np.uint8)
            arrays[f"{vector.name}/memory"] = vector.memory
            arrays[f"{vector.name}/expected"] = vector.expected
        np.savez_compressed(folder / f"{kernel}.npz", **arrays)
        print(f"{folder / kernel}.npz: {len(arrays) // 3} vectors")


if __name__ == "__main__":
    main()
