"""The target: `.npz` files, whole archives around changed arrays, read and given to a program."""

from __future__ import annotations

import io
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from gatewright.cli.arrays import read_arrays
from gatewright.compiler.compile import compile_model
from gatewright.driver import Accelerator
from gatewright_sim.fuzz.files.edits import damaged
from gatewright_sim.fuzz.files.models import model
from gatewright_sim.fuzz.target import Finding, Target

__all__ = ["Archives"]

_DTYPES = ("f4", "f4", "f4", "f8", "f2", "i8", "u1", "?", ">f4", "c8", "S3", "U2", "M8[s]", "f4,i4", "O")
_SHAPES = ((3, 8), (3, 8), (3, 8), (3, 7), (8, 3), (), (0, 8), (3, 8, 1), (24,))


class Archives(Target):
    """An archive is refused, or its arrays are inputs that a program takes or refuses."""

    name = "npz"
    suffix = ".npz"

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._file = Path(self._folder.name) / "inputs.npz"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = compile_model(model("layers"), config="tiny")
        self._program = Accelerator("tiny", "golden").load(program)

    def cases(self) -> st.SearchStrategy[bytes]:
        return _archives() | _archives().flatmap(damaged)

    def run(self, case: bytes) -> str:
        self._file.write_bytes(case)
        found = self._program(**read_arrays("--inputs", self._file))
        if found["y"].shape != (3, 4) or found["y"].dtype != np.float32:
            raise Finding("result of another type", f"{found['y'].dtype} {found['y'].shape}")
        return "runs"


@st.composite
def _archives(draw: st.DrawFn) -> bytes:
    """An array of any type and shape, its header whole or not."""
    dtype, shape = np.dtype(draw(st.sampled_from(_DTYPES))), draw(st.sampled_from(_SHAPES))
    entry = io.BytesIO()
    np.save(entry, np.zeros(shape, dtype), allow_pickle=True)
    raw = entry.getvalue()
    match draw(st.integers(0, 4)):
        case 0:
            raw = draw(damaged(raw))
        case 1:
            size = str(draw(st.sampled_from((2**31, 2**40, 2**63, 2**64, 10**30, -1))))
            raw = raw.replace(b"(3, 8)", f"({size}, 8)".encode(), 1)
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))) as file:
        for name in draw(st.sampled_from((("x",), ("x",), ("y",), ("x", "z"), (".",), ("a/../x",), ("self",)))):
            file.writestr(f"{name}{draw(st.sampled_from(('.npy', '.npy', '')))}", raw)
    return found.getvalue()
