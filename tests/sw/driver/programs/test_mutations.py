"""Programs that were altered and sealed again: refused, or run to an end that comes soon; nothing else is harmed."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator, GatewrightError
from gatewright.program.compiled import CompiledProgram
from gatewright.program.header import pack, unpack

SEEDS = range(20)
CALLS: dict[str, dict[str, np.ndarray]] = {
    "linear": {"x": np.ones((4, 24))},
    "with_host_step": {"x": np.ones((4, 24))},
    "attention": {"x": np.ones((1, 5, 16)), "m": np.ones((1, 5), bool)},
    "vector": {"a": np.ones((2, 8)), "b": np.ones((2, 8))},
    "aggregate": {
        "x": np.ones((7, 8)),
        "row_ptr": np.array([0, 1, 1, 2, 3, 4]),
        "col": np.array([0, 6, 2, 1]),
        "w": np.ones(4),
    },
}


def _change_words(program: CompiledProgram, rng: random.Random) -> CompiledProgram:
    """One to three words of the first command are others, some by a bit, some by a field's length, some at random."""
    image = program.image.copy()
    words = image[:64].view(np.uint32)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(16)
        word = int(words[at])
        words[at] = rng.choice(
            [word ^ 1 << rng.randrange(32), word + 8 * rng.randrange(1 << 12), rng.getrandbits(32)]
        ) % (1 << 32)
    return replace(program, image=image)


def _change_header(program: CompiledProgram, rng: random.Random) -> CompiledProgram:
    """One number of the header is another."""
    blobs: list[Any] = []
    header = pack(program, blobs)
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        entries = value.items() if isinstance(value, dict) else enumerate(value)
        for key, entry in entries:
            if isinstance(entry, dict | list):
                collect(entry)
            elif isinstance(entry, int | float):
                places.append((value, key))

    collect(header)
    owner, key = rng.choice(places)
    owner[key] = rng.choice([0, -1, 1, owner[key] + 8, owner[key] * 1000, rng.getrandbits(40)])
    return unpack(CompiledProgram, header, "program", [memoryview(blob) for blob in blobs])


@pytest.mark.parametrize("change", [_change_words, _change_header])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", CALLS)
def test_an_altered_program_is_refused_or_ends_soon(name: str, seed: int, change: Any, programs: Any) -> None:
    rng = random.Random(f"{name} {seed} {change.__name__}")
    sound = getattr(programs, name)()
    inputs = {key: value.copy() for key, value in CALLS[name].items()}
    with Accelerator("tiny", "golden", timeout_s=2.0) as accelerator, accelerator.load(sound) as good:
        expected = good(**inputs)
        begin = time.monotonic()
        with suppress(GatewrightError), accelerator.load(change(sound, rng)) as loaded:
            loaded(**inputs)
        assert time.monotonic() - begin < 20
        found = good(**inputs)
        assert all(np.array_equal(found[key], expected[key]) for key in expected)
