"""Arguments that no accelerator can take are refused on the host, by name, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gatewright.driver import Accelerator, DriverError, OutOfDeviceMemory
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.errors import GatewrightError
from gatewright.spec.fixed import Requantise

A, B = np.zeros((4, 8), np.int8), np.zeros((6, 8), np.int8)
ONE = Requantise(1, 0)
CSR = CsrMatrix.from_dense(np.eye(4))

Call = Callable[[Accelerator], Any]
CASES: dict[str, tuple[Call, str]] = {
    # tiny: gemm_max_k 512, max_seq 64, max_head_dim 32, max_features 128
    "float": (lambda acc: acc.gemm(A.astype(np.float32), B), r"^a is float32 of shape \(4, 8\), allowed: int8"),
    "vector": (lambda acc: acc.gemm(A, B[0]), r"^b is int8 of shape \(8,\), allowed: int8 with two dimensions"),
    "list": (lambda acc: acc.gemm([[1]], B), "^a is a list, allowed: a numpy array or a DeviceArray"),
    "inner": (lambda acc: acc.gemm(A, B[:, :7]), "^the inner dimension of b is 7, but that of a is 8"),
    "inner_kn": (lambda acc: acc.gemm(A, B, b_is_kn=True), "^the inner dimension of b is 6, but that of a is 8"),
    "long": (
        lambda acc: acc.gemm(np.zeros((1, 513), np.int8), np.zeros((1, 513), np.int8)),
        r"^inner dimension \(k\) is 513, allowed 1..512 \(config 'tiny'\)",
    ),
    "empty": (lambda acc: acc.gemm(A[:0], B), r"^rows of a \(m\) is 0, allowed 1"),
    "bias_shape": (lambda acc: acc.gemm(A, B, bias=np.zeros(5, np.int32)), r"^bias is int32 of shape \(5,\), allowed"),
    "bias_type": (lambda acc: acc.gemm(A, B, bias=np.zeros(6)), "^bias is float64"),
    "bias_range": (
        lambda acc: acc.gemm(A, B, bias=np.full(6, 2**31 - 1)),
        r"^bias spans 2147483647..2147483647, allowed -2147352575..2147352575",
    ),
    "multipliers": (
        lambda acc: acc.gemm(A, B, requantise=(np.full(6, 65536), np.zeros(6, np.int64))),
        "^requantise multipliers spans 65536..65536, allowed 0..65535",
    ),
    "shifts": (
        lambda acc: acc.gemm(A, B, requantise=(np.zeros(6, np.int64), np.full(6, -1))),
        "^requantise shifts spans -1..-1, allowed 0..63",
    ),
    "requantise_type": (
        lambda acc: acc.gemm(A, B, requantise=0.5),
        r"^requantise is a float, allowed: a Requantise, a pair \(multipliers, shifts\) or None",
    ),
    "requantise_triple": (
        lambda acc: acc.gemm(A, B, requantise=(1, 2, 3)),
        "^requantise is a tuple of 3, allowed: a Req",
    ),
    "score": (lambda acc: acc.attention(A, A, A, 1, 0.5, ONE), "^score is a float, allowed: a Requantise"),
    "out": (lambda acc: acc.attention(A, A, A, 1, ONE, None), "^out is a NoneType, allowed: a Requantise"),
    "aggregate_requantise": (
        lambda acc: acc.aggregate(CSR, A, (1, 0)),
        "^requantise is a tuple, allowed: a Requantise",
    ),
    "heads_type": (lambda acc: acc.attention(A, A, A, 1.0, ONE, ONE), "^heads is a float, allowed: an integer"),
    "heads_bool": (lambda acc: acc.attention(A, A, A, True, ONE, ONE), "^heads is a bool, allowed: an integer"),
    "heads": (lambda acc: acc.attention(A, A, A, 3, ONE, ONE), "^columns of q is 8, allowed: multiples of heads = 3"),
    "no_heads": (lambda acc: acc.attention(A, A, A, 0, ONE, ONE), "^heads is 0, allowed 1"),
    "odd_head": (
        lambda acc: acc.attention(A[:, :4], A[:, :4], A[:, :4], 1, ONE, ONE),
        r"^columns of one head \(head_dim\) is 4, allowed: multiples of 8",
    ),
    "wide_head": (
        lambda acc: acc.attention(*[np.zeros((4, 40), np.int8)] * 3, 1, ONE, ONE),
        r"^columns of one head \(head_dim\) is 40, allowed 1..32",
    ),
    "many_keys": (
        lambda acc: acc.attention(A, np.zeros((65, 8), np.int8), np.zeros((65, 8), np.int8), 1, ONE, ONE),
        r"^rows of k \(seq_kv\) is 65, allowed 1..64",
    ),
    "keys_values": (lambda acc: acc.attention(A, A, B, 1, ONE, ONE), "^rows of v is 6, but rows of k is 4"),
    "widths": (
        lambda acc: acc.attention(A, np.zeros((4, 16), np.int8), np.zeros((4, 16), np.int8), 1, ONE, ONE),
        "^columns of k is 16, but columns of q is 8",
    ),
    "mask_shape": (
        lambda acc: acc.attention(A, A, A, 1, ONE, ONE, key_mask=np.ones(3, bool)),
        r"^key_mask is bool of shape \(3,\), allowed: bool of shape \(4,\)",
    ),
    "mask_type": (lambda acc: acc.attention(A, A, A, 1, ONE, ONE, key_mask=np.ones(4)), "^key_mask is float64"),
    "csr": (
        lambda acc: acc.aggregate(np.eye(4), A, ONE),
        "^csr is a ndarray, allowed: a gatewright.spec.csr.CsrMatrix",
    ),
    "csr_cols": (lambda acc: acc.aggregate(CSR, B, ONE), "^rows of x is 6, but csr.cols is 4"),
    "features": (
        lambda acc: acc.aggregate(CSR, np.zeros((4, 129), np.int8), ONE),
        r"^columns of x \(features\) is 129, allowed 1..128",
    ),
    "upload_float": (lambda acc: acc.upload(np.zeros(3)), "^array is float64, allowed: integers"),
    "upload_cube": (
        lambda acc: acc.upload(np.zeros((1, 1, 1), np.int8)),
        r"^array of shape \(1, 1, 1\): allowed one or",
    ),
    "upload_nothing": (lambda acc: acc.upload(np.zeros((3, 0), np.int8)), "none of them 0"),
    "no_commands": (lambda acc: acc.run([]), "^a command list has 0 commands, allowed: at least 1"),
    "short_command": (lambda acc: acc.run([bytes(63)]), "^command 0 has 63 bytes, allowed: 64"),
    "timeout": (lambda acc: acc.run([bytes(64)], timeout_s=0), "^timeout_s is 0, allowed: above 0"),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES)
def test_a_bad_argument_is_named(
    call: Call, message: str, open_accelerator: Callable[..., Accelerator], monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = open_accelerator("golden")
    monkeypatch.setattr(accelerator.backend, "write", pytest.fail)
    with pytest.raises(DriverError, match=message):
        call(accelerator)


def test_a_freed_array_is_refused(open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator = open_accelerator("golden")
    with accelerator.upload(A) as a:
        pass
    with pytest.raises(DriverError, match="this device array has been freed"):
        accelerator.gemm(a, B)


def test_an_array_of_another_accelerator_is_refused(open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator, other = open_accelerator("golden"), open_accelerator("golden")
    with pytest.raises(DriverError, match="this device array belongs to another accelerator"):
        accelerator.gemm(A, other.upload(B))
    assert not Accelerator("tiny", accelerator.backend).gemm(A, accelerator.upload(B)).any()  # the same device


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((4, 1), np.int8), r"^values is int8 of shape \(4, 1\), allowed: integers of shape \(4, 8\)"),
        (np.zeros((4, 8)), "^values is float64 of shape"),
        (np.full((4, 8), 128), r"^values spans 128..128, allowed -128..127"),
        (np.full((4, 8), -129), r"^values spans -129..-129, allowed -128..127"),
    ],
)
def test_values_that_an_array_cannot_hold(
    values: np.ndarray, message: str, open_accelerator: Callable[..., Accelerator]
) -> None:
    array = open_accelerator("golden").upload(A)
    with pytest.raises(DriverError, match=message):
        array.write(values)
    assert array.write(np.full((4, 8), 127)).numpy().tolist() == [[127] * 8] * 4


def test_memory_that_is_not_there(open_accelerator: Callable[..., Accelerator]) -> None:
    accelerator = open_accelerator("golden", memory_bytes=1 << 20)
    with pytest.raises(OutOfDeviceMemory, match="2,097,152 bytes of device memory are not to be had") as caught:
        accelerator.upload(np.zeros((1 << 15, 64), np.int8))
    assert isinstance(caught.value, MemoryError)
    with pytest.raises(OutOfDeviceMemory):
        accelerator.gemm(np.zeros((1 << 14, 64), np.int8), np.zeros((64, 64), np.int8))
    assert not accelerator.gemm(A, B).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": "huge"}, "unknown config 'huge'"),
        ({"backend": "cloud"}, "unknown backend 'cloud', allowed: auto, board, rtl, golden"),
        ({"backend": "auto", "seed": 1}, "options seed need a named backend"),
        ({"backend": "golden", "timeout_s": 0.0}, "timeout_s is 0.0, allowed: above 0"),
        ({"backend": "golden", "watchdog_cycles": 0}, r"watchdog_cycles is 0, allowed 1..4294967295"),
        ({"backend": "golden", "memory_bytes": 100}, "memory nbytes is 100, allowed: multiples of 64"),
        ({"backend": "golden", "memory_base": 1 << 32}, "memory ends at 0x110000000, allowed: at most 0x100000000"),
        ({"backend": "rtl", "stalls": 1.0}, "stalls is 1.0, allowed 0..0.9"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GatewrightError, match=message):
        Accelerator(**({"config": "tiny"} | options))
