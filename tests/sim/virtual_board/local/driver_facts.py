"""Our driver; prints as JSON what it computes. Arguments: a seed, and the folder of a built design or `rtl`."""

import json
import sys

import numpy as np

from gatewright import Accelerator
from gatewright.selftest import self_test

SHAPES = [(1, 1, 8), (37, 21, 70), (64, 40, 96), (5, 130, 33)]
"""m, n, k of products."""


def opened(where: str, **options: object) -> Accelerator:
    return Accelerator("tiny", "rtl") if where == "rtl" else Accelerator("tiny", "board", bitstream=where, **options)


def products(accelerator: Accelerator, seed: int) -> list[str]:
    """Bytes of results at random."""
    rng = np.random.default_rng(seed)
    found = []
    for m, n, k in SHAPES:
        a, b = (rng.integers(-128, 128, (rows, k), dtype=np.int8) for rows in (m, n))
        found.append(accelerator.gemm(a, b).tobytes().hex())
    return found


if __name__ == "__main__":
    seed, where = int(sys.argv[1]), sys.argv[2]
    facts = {"results": []}
    for _ in range(2):  # again in the same process, after the first was closed
        with opened(where) as accelerator:
            facts["results"].append(products(accelerator, seed))
    with opened(where, download=False) as accelerator:
        facts["results"].append(products(accelerator, seed))
        test = self_test(accelerator)
        facts["kernels"] = {each.kernel: [each.vectors, each.failure] for each in test.kernels}
        facts["clock"] = test.request.clock_mhz
        facts["cycles"] = test.request.cycles
        facts["notes"] = getattr(accelerator.backend, "notes", [])
    print(json.dumps(facts))
