"""The self-test on accelerators that are right, and on ones that are not."""

import numpy as np
import pytest

from gatewright.driver import Accelerator
from gatewright.selftest import KERNELS, load_vectors, self_test
from gatewright.spec.config import CONFIGS, AcceleratorConfig, get_config
from gatewright_sim.golden.backend import GoldenBackend


@pytest.mark.parametrize("config", CONFIGS)
def test_the_golden_model_passes(config: str) -> None:
    with Accelerator(config, "golden") as accelerator:
        found = self_test(accelerator)
    assert found.passed
    assert [kernel.kernel for kernel in found.kernels] == list(KERNELS)
    fitting = [[one for one in load_vectors(kernel) if not one.why_not(get_config(config))] for kernel in KERNELS]
    assert [kernel.vectors for kernel in found.kernels] == list(map(len, fitting))
    assert found.request.min_cycles > 0
    assert (found.request.cycles, found.request.clock_mhz, found.request.predicted_s) == (0, None, None)
    assert 0 < found.request.seconds.accelerator < found.request.seconds.total


def test_the_rtl_passes_and_counts() -> None:
    with Accelerator("tiny", "rtl") as accelerator:
        found = self_test(accelerator)
    assert found.passed
    assert all(kernel.cycles > 0 for kernel in found.kernels)
    assert found.request.cycles >= found.request.min_cycles > 0


class Wrong:
    """An accelerator that gets one byte of one vector wrong."""

    def __init__(self, accelerator: Accelerator, vector: str) -> None:
        self._accelerator = accelerator
        self._vector = vector

    def __getattr__(self, name: str) -> object:
        return getattr(self._accelerator, name)

    def load(self, program) -> "Wrong":
        self._program = self._accelerator.load(program)
        return self

    def __enter__(self) -> "Wrong":
        return self

    def __exit__(self, *exception: object) -> None:
        self._program.close()

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        outputs = self._program(**inputs)
        if self._vector in outputs:
            outputs[self._vector][-1] ^= 1
        return outputs


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_wrong_byte_fails_its_kernel_and_no_other(kernel: str) -> None:
    vector = load_vectors(kernel)[-1].name
    with Accelerator("tiny", "golden") as accelerator:
        found = self_test(Wrong(accelerator, vector))
    assert not found.passed
    assert found.request is None
    assert {each.kernel for each in found.kernels if each.failure} == {kernel}
    (failure,) = (each.failure for each in found.kernels if each.failure)
    assert failure.startswith(f"{vector}: 1 of ")


class Silent(GoldenBackend):
    """One that never answers."""

    def wait(self, timeout_s: float) -> bool:
        return False


def test_an_accelerator_that_hangs_fails_every_kernel() -> None:
    with Accelerator("tiny", Silent(get_config("tiny")), timeout_s=0.1) as accelerator:
        found = self_test(accelerator)
    assert [kernel.failure.startswith(f"engine {kernel.kernel}") for kernel in found.kernels] == [True] * 4
    assert found.request is None


def test_a_small_configuration_skips_what_it_does_not_hold() -> None:
    small = AcceleratorConfig(
        **{
            **{field: getattr(get_config("tiny"), field) for field in get_config("tiny").__dataclass_fields__},
            **{"name": "small", "max_seq": 16, "max_features": 8, "max_columns": 64, "b_depth": 64, "a_depth": 64},
            **{"max_head_dim": 8},
        }
    )
    with Accelerator(small, "golden") as accelerator:
        found = self_test(accelerator)
    assert found.passed
    skipped = {kernel.kernel: len(kernel.skipped) for kernel in found.kernels}
    assert all(skipped[name] > 0 for name in KERNELS)
    assert all(kernel.vectors > 0 for kernel in found.kernels)
    assert "too large for config 'small'" in found.kernels[0].skipped[0]


def test_a_dead_lane_is_named() -> None:
    """The first difference says where: the vector, row and column, and both values."""
    (vector, *_) = load_vectors("gemm")
    memory = vector.after()
    place = vector.result
    size = vector.expected.itemsize
    for row in range(place.rows):
        start = place.address + row * place.stride + 3 * size
        memory[start : start + size] = 0
    first = int(np.flatnonzero(vector.expected[:, 3])[0])
    assert vector.difference(memory).endswith(
        f"first [{first}, 3] of the result, which is 0, not {vector.expected[first, 3]}"
    )
