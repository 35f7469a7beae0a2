"""The vectors that are shipped: as the golden model makes them today, and able to see what may be wrong."""

import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from gatewright.selftest.vectors import DATA, KERNELS, load_vectors
from gatewright.spec.commands import GemmFlags, decode
from gatewright.spec.config import CONFIGS
from gatewright_sim.selftest import golden_vectors

MEGABYTE = 1 << 20


@pytest.mark.parametrize("kernel", KERNELS)
def test_they_are_what_the_generator_makes(kernel: str) -> None:
    shipped, made = load_vectors(kernel), golden_vectors(kernel)
    assert [vector.name for vector in shipped] == [vector.name for vector in made]
    for one, other in zip(shipped, made, strict=True):
        assert one.command == other.command, one.name
        np.testing.assert_array_equal(one.memory, other.memory)
        np.testing.assert_array_equal(one.expected, other.expected)
        assert one.expected.dtype == other.expected.dtype


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < MEGABYTE


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_shipped_configurations_run_all_of_them(kernel: str, config) -> None:
    """But for epilogues where there are none."""
    skipped = {vector.name: vector.why_not(config) for vector in load_vectors(kernel) if vector.why_not(config)}
    missing = {"gemm then table", "gemm then add"} if kernel == "gemm" and not config.epilogue else set()
    assert skipped.keys() == missing
    assert all("of no kind that there is on config 'zybo-z7-10'" in why for why in skipped.values())


@pytest.mark.parametrize("kernel", KERNELS)
def test_noise_is_never_the_result(kernel: str) -> None:
    """Nothing done at all is seen, and so is each byte that is not written."""
    for vector in load_vectors(kernel):
        assert int((vector.memory != vector.after()).sum()) == vector.result.nbytes, vector.name
        assert vector.difference(vector.memory), vector.name


@pytest.mark.parametrize("kernel", KERNELS)
def test_each_byte_of_the_result_counts(kernel: str, rng) -> None:
    for vector in load_vectors(kernel):
        place = vector.result
        for _ in range(20):
            memory = vector.after()
            assert vector.difference(memory) == ""
            row, byte = int(rng.integers(place.rows)), int(rng.integers(place.row_bytes))
            memory[place.address + row * place.stride + byte] ^= 1 << int(rng.integers(8))
            column = byte // vector.expected.itemsize
            assert f"first [{row}, {column}] of the result" in vector.difference(memory)
            assert f"not {vector.expected[row, column]}" in vector.difference(memory)


def test_a_write_beside_the_result_is_seen() -> None:
    (vector, *_) = load_vectors("gemm")
    memory = vector.after()
    memory[0] ^= 1
    assert vector.difference(memory) == (
        f"gemm products: 1 of {memory.size:,} bytes of memory differ, first byte 0, which nothing may write"
    )


@pytest.fixture(scope="module")
def products():
    """A, B and the exact products of each vector whose result is int32, without a bias."""
    found = []
    for vector in load_vectors("gemm"):
        command = decode(vector.command)
        if command.flags & GemmFlags.OUT_INT32 and not command.flags & GemmFlags.PARAMS:
            a, b = (_operand(vector, command, name, rows) for name, rows in (("a", "m"), ("b", "n")))
            np.testing.assert_array_equal(a @ b.T, vector.expected)
            found.append((a, b, vector.expected.astype(np.int64)))
    assert len(found) >= 2
    return found


def _operand(vector, command, name: str, rows: str) -> np.ndarray:
    start, stride, k = command[f"{name}_addr"], command[f"{name}_stride"], command["k"]
    lines = [vector.memory[start + row * stride :][:k] for row in range(command[rows])]
    return np.array(lines).view(np.int8).astype(np.int64)


class TestFaultsOfTheArray:
    """What one broken multiplier of the array would make of the products; some vector must show it."""

    @pytest.mark.parametrize(
        "broken",
        [
            pytest.param(lambda a, b: (np.ones_like(a), b), id="A ignored"),
            pytest.param(lambda a, b: (a, np.ones_like(b)), id="B ignored"),
            pytest.param(lambda a, b: (np.zeros_like(a), b), id="A is 0"),
            *(
                pytest.param(lambda a, b, bit=bit: (_forced(a, bit, one=True), b), id=f"A's bit {bit} is 1")
                for bit in range(8)
            ),
            *(
                pytest.param(lambda a, b, bit=bit: (a, _forced(b, bit, one=False)), id=f"B's bit {bit} is 0")
                for bit in range(8)
            ),
        ],
    )
    @pytest.mark.parametrize("shape", [(4, 8), (8, 16), (32, 32)])
    def test_at_any_place(self, products, broken, shape) -> None:
        for row, col in product(*map(range, shape)):
            assert any(
                not np.array_equal(x @ y.T, wanted[row :: shape[0], col :: shape[1]])
                for a, b, wanted in products
                for x, y in [broken(a[row :: shape[0]], b[col :: shape[1]])]
            ), f"multiplier [{row}, {col}]"

    @pytest.mark.parametrize("bit", range(20))
    @pytest.mark.parametrize("one", [False, True])
    def test_a_stuck_bit_of_the_sums(self, products, bit: int, one: bool) -> None:
        for row, col in product(range(8), range(16)):
            parts = [wanted[row::8, col::16] for _, _, wanted in products]
            assert any(not np.array_equal(_forced(part, bit, one=one), part) for part in parts)


def _forced(values: np.ndarray, bit: int, *, one: bool) -> np.ndarray:
    """Two's complement values with a bit that is always 1, or always 0; of an int8 bit 7 is the sign."""
    forced = values | (1 << bit) if one else values & ~(1 << bit)
    return forced.astype(np.int8).astype(np.int64) if np.abs(values).max() <= 128 else forced


def test_reading_them_needs_numpy_alone() -> None:
    code = (
        "import sys; from gatewright.selftest import load_vectors; load_vectors('gemm'); "
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "('gatewright_sim', 'gatewright_hw', 'torch', 'onnx', 'amaranth', 'grpc')])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert found.stdout.strip() == "[]"
