"""The manifest of golden vectors: SHA-256 hashes of the inputs and results of a fixed table of cases.

``python -m gatewright_sim.golden.manifest`` computes every case again and compares it with the manifest; exit code 1,
and a line for each case that differs. ``--out DIR`` also writes each case as ``NAME.npz`` for use outside Python;
``--update`` rewrites the manifest.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright_sim.stimulus import (
    AggregateStimulus,
    AttentionStimulus,
    GemmStimulus,
    MeanPoolStimulus,
    Stimulus,
    VectorFunction,
    VectorStimulus,
)

Array = npt.NDArray[Any]

__all__ = ["CASES", "MANIFEST", "compute", "main"]

MANIFEST = Path("tests/golden/manifest.json")

CASES: dict[str, Stimulus] = {
    "gemm_one": GemmStimulus.random(1, 1, 1, 1),
    "gemm_edges": GemmStimulus.random(2, 13, 27, 45),
    "gemm_minilm_projection": GemmStimulus.random(3, 128, 384, 384),
    "gemm_minilm_feed_forward": GemmStimulus.random(4, 32, 384, 1536),
    "attention_one": AttentionStimulus.random(5, 1, 1, 1, 8),
    "attention_edges": AttentionStimulus.random(6, 7, 13, 3, 24, padding=4),
    "attention_causal": AttentionStimulus.random(7, 50, 50, 3, 32, causal=True),
    "attention_minilm": AttentionStimulus.random(8, 128, 128, 12, 32, padding=28),
    "aggregate_one": AggregateStimulus.random(9, 1, 1, 1.0, 8),
    "aggregate_power_law": AggregateStimulus.random(10, 300, 200, 12.0, 64),
    "aggregate_odd_features": AggregateStimulus.random(11, 50, 40, 5.0, 37),
    "mean_pool": MeanPoolStimulus.random(12, 40, 384, padding=9),
    **{
        f"vector_{function.name.lower()}": VectorStimulus.random(13 + index, function, 33, 384)
        for index, function in enumerate(VectorFunction)
    },
}
"""Every case by name."""


def _digest(array: Array) -> str:
    """Hash of an array's type, shape and bytes."""
    header = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(array).tobytes()).hexdigest()


def compute(name: str) -> dict[str, Array]:
    """Inputs and the result (under ``"output"``) of one case."""
    case = CASES[name]
    return {**case.arrays(), "output": case.golden()}


def main(arguments: list[str] | None = None) -> int:
    """Compare with, or update, the manifest. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--update", action="store_true", help="rewrite the manifest")
    parser.add_argument("--out", type=Path, help="also write each case as NAME.npz to this folder")
    options = parser.parse_args(arguments)
    hashes = {}
    for name in CASES:
        arrays = compute(name)
        hashes[name] = {key: _digest(array) for key, array in arrays.items()}
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            np.savez_compressed(options.out / f"{name}.npz", **arrays)
    if options.update:
        options.manifest.write_text(json.dumps(hashes, indent=1) + "\n")
        print(f"wrote {options.manifest}: {len(hashes)} cases")
        return 0
    try:
        expected = json.loads(options.manifest.read_text())
    except (OSError, ValueError) as error:
        print(f"error: manifest {options.manifest}: {error}", file=sys.stderr)
        return 2
    different = sorted(name for name in hashes.keys() | expected.keys() if hashes.get(name) != expected.get(name))
    for name in different:
        print(f"{name}: differs from {options.manifest}")
    print(f"golden vectors: {len(hashes) - len(different)} equal, {len(different)} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
