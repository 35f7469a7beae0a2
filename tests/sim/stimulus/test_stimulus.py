"""A stimulus from its four sides: the driver's kernel gives the golden result, which stays close to PyTorch's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from gatewright.driver import Accelerator
from gatewright_sim.golden.manifest import CASES


@pytest.fixture(scope="module")
def accelerator() -> Iterator[Accelerator]:
    with Accelerator("pynq-z2", "golden") as opened:
        yield opened


@pytest.mark.parametrize("name", CASES)
def test_the_drivers_kernel_gives_the_golden_result(name: str, accelerator: Accelerator) -> None:
    np.testing.assert_array_equal(CASES[name].run(accelerator), CASES[name].golden())


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("vector")])  # those: test_vector_torch
def test_the_golden_result_is_close_to_pytorch(name: str) -> None:
    """Half a unit, and for attention what weights of 8 bits lose."""
    case = CASES[name]
    error = np.abs(case.golden() - case.torch() / case.output_scale)
    assert error.max() <= (4.0 if case.kernel in ("attention", "mean-pool") else 0.51)
    assert np.sqrt(np.mean(error**2)) <= 0.6


@pytest.mark.parametrize("name", CASES)
def test_the_shape_is_that_of_the_result(name: str) -> None:
    case = CASES[name]
    assert case.golden().shape == case.torch().shape
    assert all(isinstance(value, int | str) for value in case.shape().values())
