"""The traffic that the driver chooses by is the traffic that the RTL makes."""

import numpy as np
import pytest

from gatewright.driver import Accelerator
from gatewright.spec.config import get_config
from gatewright.spec.memory import BUS_BYTES, COMMAND_BYTES
from gatewright.spec.tiling import gemm_read_beats

TINY = get_config("tiny")
SHAPES = [(33, 65, 64), (32, 128, 64), (5, 200, 160), (70, 9, 24), (9, 33, 512)]


@pytest.mark.parametrize("kn", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gemm_reads_what_the_contract_says(shape: tuple[int, int, int], kn: bool) -> None:
    m, n, k = shape
    a, b = np.ones((m, k), np.int8), np.ones((k, n) if kn else (n, k), np.int8)
    with Accelerator(TINY, "rtl") as accelerator:
        accelerator.gemm(a, b, b_is_kn=kn)
        beats = accelerator.report().read_beats
    least = min(gemm_read_beats(m, n, k, TINY, resident_a=choice, b_is_kn=kn) for choice in (False, True))
    assert beats == least + COMMAND_BYTES // BUS_BYTES
