"""Every kernel on every backend: all return the bytes of the golden kernels, and the report adds up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gatewright.driver import Accelerator, DriverError
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise
from gatewright.spec.vector import Combine, ElementType, Function, table_records
from gatewright.spec.vector_op import Record, VectorOp
from gatewright_sim.golden.aggregate import aggregate
from gatewright_sim.golden.attention import attention
from gatewright_sim.golden.gemm import gemm
from gatewright_sim.golden.vector import vector

BACKENDS = ("golden", "board", "rtl")
WIDE = Requantise.from_scale(200.0)
SCORE, OUT = Requantise.from_scale(0.02), Requantise.from_scale(1.0)


def _drawn(low: int, high: int, *shape: int, dtype: npt.DTypeLike = np.int8) -> np.ndarray:
    """The same integers for the same arguments."""
    return np.random.default_rng([abs(low), high, *shape]).integers(low, high, shape).astype(dtype)


def _int8(*shape: int) -> np.ndarray:
    return _drawn(-128, 128, *shape)


A, B, BIAS = _int8(13, 45), _int8(27, 45), _drawn(-1000, 1000, 27, dtype=np.int64)
MULTIPLIERS, SHIFTS = _drawn(1, 1 << 16, 27, dtype=np.int64), _drawn(20, 26, 27, dtype=np.int64)
Q, K, V, MASK = _int8(7, 48), _int8(19, 48), _int8(19, 96)[:, ::2], _drawn(0, 10, 19) < 7
CSR = CsrMatrix.from_dense(_drawn(-99, 99, 17, 9) / 40.0 * (_drawn(0, 10, 17, 9) < 3))
EMPTY = CsrMatrix(np.zeros(4, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.int16), 9)
X = _int8(9, 37)

CASES: dict[str, tuple[Callable[[Accelerator], Any], Callable[[], Any]]] = {
    "gemm_int32": (lambda acc: acc.gemm(A, B), lambda: gemm(A, B)),
    "gemm_one": (lambda acc: acc.gemm(A[:1, :1], B[:1, :1]), lambda: gemm(A[:1, :1], B[:1, :1])),
    "gemm_bias": (lambda acc: acc.gemm(A, B, bias=BIAS), lambda: gemm(A, B, BIAS)),
    "gemm_kn": (
        lambda acc: acc.gemm(A, np.ascontiguousarray(B.T), b_is_kn=True, bias=BIAS),
        lambda: gemm(A, B, BIAS),
    ),
    "gemm_int8": (
        lambda acc: acc.gemm(A, B, requantise=Requantise(40_000, 24)),
        lambda: gemm(A, B, None, 40_000, 24),
    ),
    "gemm_int8_per_column": (
        lambda acc: acc.gemm(A, B, bias=BIAS, requantise=(MULTIPLIERS, SHIFTS)),
        lambda: gemm(A, B, BIAS, MULTIPLIERS, SHIFTS),
    ),
    "gemm_keeps_a_on_chip": (lambda acc: acc.gemm(B, A), lambda: gemm(B, A)),
    "gemm_strided_view": (lambda acc: acc.gemm(A[::2, ::-1], B[:, ::-1]), lambda: gemm(A[::2], B)),
    "attention": (lambda acc: acc.attention(Q, K, V, 2, SCORE, OUT), lambda: attention(Q, K, V, 2, SCORE, OUT)),
    "attention_masked": (
        lambda acc: acc.attention(Q, K, V, 6, SCORE, OUT, causal=True, key_mask=MASK),
        lambda: attention(Q, K, V, 6, SCORE, OUT, True, MASK),
    ),
    "gemm_int16": (
        lambda acc: acc.gemm(A, B, bias=BIAS, requantise=(MULTIPLIERS, SHIFTS - 6), dtype=np.int16),
        lambda: gemm(A, B, BIAS, MULTIPLIERS, SHIFTS - 6, 16),
    ),
    "attention_int16": (
        lambda acc: acc.attention(Q, K, V, 6, SCORE, WIDE, key_mask=MASK, dtype=np.int16),
        lambda: attention(Q, K, V, 6, SCORE, WIDE, False, MASK, 16),
    ),
    "aggregate": (
        lambda acc: acc.aggregate(CSR, X, Requantise.from_scale(CSR.scale)),
        lambda: aggregate(CSR.row_ptr, CSR.col, CSR.weight, X, Requantise.from_scale(CSR.scale)),
    ),
    "aggregate_no_edges": (lambda acc: acc.aggregate(EMPTY, X, OUT), lambda: np.zeros((3, 37), np.int8)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kernel_gives_the_golden_bytes(
    backend: str, case: str, open_accelerator: Callable[..., Accelerator]
) -> None:
    run, golden = CASES[case]
    result, expected = run(open_accelerator(backend)), golden()
    assert result.dtype == expected.dtype
    assert np.array_equal(result, expected)


W, W_ROW, W_COLUMN = (_drawn(-30_000, 30_000, *shape, dtype=np.int16) for shape in ((5, 37), (1, 37), (5, 1)))
INT32, BYTES = _drawn(-(1 << 20), 1 << 20, 5, 37, dtype=np.int32), _drawn(0, 256, 5, 37, dtype=np.uint8)
PER_COLUMN = {
    "gain": _drawn(-(1 << 15), 1 << 15, 37, dtype=np.int64),
    "shift": _drawn(8, 24, 37, dtype=np.int64),
    "bias": np.arange(37) - 9,
}
TABLE = table_records(np.tanh, 2**-13, 2**-15)
VECTORS: dict[str, tuple[tuple[np.ndarray, ...], dict[str, Any], dict[str, Any], Any]] = {
    # operands, operation, output record, type of the result
    "saturate": ((INT32,), {}, {}, np.int16),
    "requantise": ((W,), {}, {"gain": 20_000, "shift": 24}, np.int8),
    "requantise_per_column": ((W,), {"a_multiplier": -3, "combine_shift": 2}, PER_COLUMN, np.int8),
    "add": ((W, BYTES), {"combine": Combine.ADD, "b_multiplier": -70, "combine_shift": 1}, {}, np.int16),
    "add_row": ((INT32, W_ROW), {"combine": Combine.ADD}, {}, np.int32),
    "add_to_row": ((W_ROW, W), {"combine": Combine.ADD}, {}, np.int32),
    "multiply_column": ((W, W_COLUMN), {"combine": Combine.MULTIPLY, "combine_shift": 15}, {}, np.int16),
    "multiply_scalar": ((BYTES, W_COLUMN[:1]), {"combine": Combine.MULTIPLY, "combine_shift": 16}, {}, np.uint8),
    "add_rows": ((W_ROW, W_ROW), {"combine": Combine.ADD, "combine_shift": 1}, {}, np.int16),
    "table": ((W,), {"function": Function.TABLE, "table": TABLE}, {}, np.int16),
    "layer_norm": ((W,), {"function": Function.LAYER_NORM, "epsilon": 10**13}, PER_COLUMN, np.int16),
    "rms_norm": ((INT32,), {"function": Function.RMS_NORM, "combine_shift": 5}, {"gain": 512, "shift": 16}, np.int8),
    "softmax": ((W,), {"function": Function.SOFTMAX, "combine_shift": 3}, {"gain": 255, "shift": 16}, np.uint8),
}


@pytest.mark.parametrize("case", VECTORS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_vector_operation_gives_the_golden_bytes(
    backend: str, case: str, open_accelerator: Callable[..., Accelerator]
) -> None:
    operands, operation, record, dtype = VECTORS[case]
    op = VectorOp(ElementType.of(dtype), Record(**record), **operation)
    a, b = operands if len(operands) == 2 else (*operands, None)
    result, expected = open_accelerator(backend).vector(a, b, op), vector(op, a, b)
    assert result.dtype == dtype
    assert np.array_equal(result, np.broadcast_to(expected, result.shape))
    assert result.shape == np.broadcast_shapes(*(operand.shape for operand in operands))


def test_a_vector_on_the_device(open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator = open_accelerator("golden")
    with accelerator.upload(W) as a, accelerator.upload(W_COLUMN) as b:
        both = VectorOp(ElementType.INT32, combine=Combine.ADD)
        assert np.array_equal(accelerator.vector(a, b, both), W.astype(np.int32) + W_COLUMN)
        assert np.array_equal(accelerator.vector(a, None, VectorOp(ElementType.INT16)), W)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_that_stay_on_the_device(backend: str, open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator = open_accelerator(backend)
    with accelerator.upload(A) as a, accelerator.upload(B) as b, accelerator.upload(X) as x:
        assert np.array_equal(accelerator.gemm(a, b), gemm(A, B))
        assert np.array_equal(accelerator.gemm(a, B), gemm(A, B))
        expected = aggregate(CSR.row_ptr, CSR.col, CSR.weight, X, OUT)
        assert np.array_equal(accelerator.aggregate(CSR, x, OUT), expected)
        a.write(-np.maximum(A, -127))
        assert np.array_equal(accelerator.gemm(a, b), gemm(-np.maximum(A, -127), B))
        assert np.array_equal(b.numpy(), B)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_narrow_b(backend: str, open_accelerator: Callable[..., Accelerator]) -> None:
    """On the host it is seen to be one; one on the device is taken for whole unless its caller says otherwise."""
    accelerator = open_accelerator(backend)
    narrow = np.maximum(B, -127)
    for b, told, rate in ((narrow, False, 1), (B, True, 1), (B, False, 2)):
        before = accelerator.report().engine("gemm").min_cycles_compute
        expected = gemm(A, narrow if told else b)
        assert np.array_equal(accelerator.gemm(A, b, b_is_narrow=told), expected)
        with accelerator.upload(b) as placed:
            assert np.array_equal(accelerator.gemm(A, placed, b_is_narrow=told), expected)
        least = -(-13 * 27 * 45 * rate // accelerator.config.macs_per_cycle)
        slow = -(-13 * 27 * 45 * (1 if told else 2) // accelerator.config.macs_per_cycle)
        assert accelerator.report().engine("gemm").min_cycles_compute - before == least + slow


EPILOGUES = {
    "table": VectorOp(
        ElementType.INT8, Record(77, 12, 900), function=Function.TABLE, table=table_records(np.tanh, 1e-3, 1e-4)
    ),
    "sum": VectorOp(ElementType.INT16, Record(300, 8), Combine.ADD, 5, -3, 2),
    "product": VectorOp(
        ElementType.INT16, Record(_drawn(1, 99, 24, dtype=np.int64), 9), Combine.MULTIPLY, combine_shift=9
    ),
}


@pytest.mark.parametrize("name", EPILOGUES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_epilogue(backend: str, name: str, open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator, op, b = open_accelerator(backend), EPILOGUES[name], B[:24]
    d = None if op.combine is Combine.ALONE else _drawn(-9000, 9000, 13, 24, dtype=op.y_type.dtype)
    products = gemm(A, b, None, WIDE.multiplier, WIDE.shift + 14, 16)
    requantise = Requantise(WIDE.multiplier, WIDE.shift + 14)
    found = accelerator.gemm(A, b, requantise=requantise, dtype=np.int16, epilogue=op, d=d)
    assert np.array_equal(found, vector(op, products, d))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"epilogue": None, "d": A}, "d is given, but there is no epilogue"),
        ({"epilogue": 1}, "op is a int, allowed: a VectorOp"),
        ({"dtype": np.int8}, "dtype is int8, allowed with an epilogue: int16, which is what it takes"),
        ({"epilogue": VectorOp(ElementType.INT32)}, "y_type is INT32, allowed in an epilogue: INT8 or INT16"),
        (
            {"epilogue": VectorOp(ElementType.INT8, function=Function.SOFTMAX)},
            "function is SOFTMAX, allowed in an epilogue: NONE or TABLE",
        ),
        ({"b": B[:12]}, r"columns of c \(n\) with an epilogue is 12, allowed: multiples of 8"),
        (
            {"b": np.tile(B[:8], (65, 1))},
            r"columns of c \(n\) with an epilogue is 520, allowed 1\.\.512 \(config 'tiny'\)",
        ),
        ({"d": A}, "d is given, but combine is ALONE"),
        ({"epilogue": EPILOGUES["sum"]}, "d is missing, but combine is ADD"),
        ({"epilogue": EPILOGUES["sum"], "d": A}, "d is int8 of shape"),
        (
            {"epilogue": EPILOGUES["sum"], "d": np.zeros((13, 16), np.int16)},
            r"d is of shape \(13, 16\), allowed: that of c, \(13, 24\)",
        ),
    ],
)
def test_what_is_no_epilogue(arguments: dict[str, Any], said: str) -> None:
    given = {"b": B[:24], "requantise": WIDE, "dtype": np.int16, "epilogue": VectorOp(ElementType.INT8)} | arguments
    with Accelerator("tiny", "golden") as accelerator, pytest.raises(DriverError, match=said):
        accelerator.gemm(A, **given)


def test_a_configuration_without_epilogues() -> None:
    op = VectorOp(ElementType.INT8)
    with (
        Accelerator("zybo-z7-10", "golden") as accelerator,
        pytest.raises(DriverError, match="config 'zybo-z7-10' has none: call vector after gemm"),
    ):
        accelerator.gemm(A, B[:24], requantise=WIDE, dtype=np.int16, epilogue=op)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_report_adds_up_programs_by_engine(backend: str, open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator = open_accelerator(backend)
    accelerator.gemm(A, B)
    once = accelerator.report()
    accelerator.gemm(A, B)
    accelerator.attention(Q, K, V, 2, SCORE, OUT)
    report = accelerator.report()
    assert report.programs == 3
    assert {engine.name: engine.commands for engine in report.engines} == {
        "gemm": 2,
        "attention": 1,
        "aggregate": 0,
        "vector": 0,
    }
    assert B.min() == -128, "an element that has a multiplier for itself"
    assert report.engine("gemm").min_cycles_compute == 2 * -(-13 * 27 * 45 // (accelerator.config.macs_per_cycle // 2))
    assert report.engine("gemm").min_cycles_memory == 2 * once.engine("gemm").min_cycles_memory > 0
    if backend == "rtl":
        assert report.engine("gemm").cycles == pytest.approx(2 * once.engine("gemm").cycles, rel=0.02)
        assert report.cycles > sum(engine.cycles for engine in report.engines)
        # A and B whole, C in beats of 8 bytes, one command of 8 beats
        assert once.read_beats >= (13 + 27) * 6 + 8
        assert once.write_beats >= 13 * 14
    else:
        assert (report.cycles, report.read_beats, report.write_beats) == (0, 0, 0)
    accelerator.reset_report()
    assert accelerator.report().programs == 0
    assert accelerator.report().engine("attention").min_cycles_compute == 0
    with pytest.raises(KeyError, match="allowed: gemm, attention, aggregate, vector"):
        report.engine("fft")


def test_scratch_memory_is_reused(open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator = open_accelerator("golden", memory_bytes=8 << 20)
    big = np.zeros((3000, 500), np.int8)  # 1.5 MB each way: six requests would not fit side by side
    for _ in range(6):
        assert not accelerator.gemm(big, big[:8]).any()
    kept = [accelerator.upload(np.zeros(1 << 20, np.int8)) for _ in range(7)]  # takes what the arena held
    assert np.array_equal(accelerator.gemm(A, B), gemm(A, B))
    for array in kept:
        array.free()
    assert not accelerator.gemm(big, big[:8]).any()
