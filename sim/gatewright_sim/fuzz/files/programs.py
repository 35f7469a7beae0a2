"""The target: program files, sealed again after they were changed."""

from __future__ import annotations

import json
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from gatewright.compiler.compile import compile_model
from gatewright.program.file import load_program, program_parts, sealed_parts
from gatewright_sim.fuzz.files.calls import on_both
from gatewright_sim.fuzz.files.edits import damaged, written
from gatewright_sim.fuzz.files.models import MODELS, model
from gatewright_sim.fuzz.target import Target

__all__ = ["Programs"]


class Programs(Target):
    """A program is refused, or ends on golden as on the RTL."""

    name = "programs"
    suffix = ".gwp"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._file = Path(self._folder.name) / "program.gwp"

    def cases(self) -> st.SearchStrategy[bytes]:
        return _programs()

    def run(self, case: bytes) -> str:
        self._file.write_bytes(case)
        return on_both(load_program(self._file))


@cache
def _sound(name: str) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    """Header and blobs of a compiled model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = program_parts(compile_model(model(name), config="tiny"))
    header, *blobs = (bytes(part) for part in parts[2:])
    return json.loads(header), tuple(blobs)


@st.composite
def _programs(draw: st.DrawFn) -> bytes:
    """The header, the commands or any byte is another."""
    header, blobs = _sound(draw(st.sampled_from(sorted(MODELS))))
    image, others = blobs[0], blobs[1:]
    what = draw(st.integers(0, 3))
    text = draw(written(header)) if what in (0, 1) else json.dumps(header).encode()
    if what in (1, 2):
        commands = bytearray(image)
        for _ in range(draw(st.integers(1, 3))):
            word = 4 * draw(st.integers(0, 31))
            value = int.from_bytes(commands[word : word + 4], "little")
            near = st.sampled_from((1, -1, 8, -8, 64)).map(lambda by, value=value: value + by)  # type: ignore[misc]
            bits = st.integers(0, 31).map(lambda bit, value=value: value ^ 1 << bit)  # type: ignore[misc]
            value = draw(near | bits | st.integers(0, 2**32 - 1))
            commands[word : word + 4] = (value % 2**32).to_bytes(4, "little")
        image = bytes(commands)
    if what == 3:
        text = draw(damaged(text))
    return b"".join(sealed_parts(text, [image, *others]))
