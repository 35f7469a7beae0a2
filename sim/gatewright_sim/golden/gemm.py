"""C = requantise(A B^T + bias) in integers: what the array computes, bit for bit.

Products of int8 are exact in floating point as long as every partial sum fits the significand, so the matrix product
runs in BLAS: float32 while ``K * 2**14 <= 2**24``, float64 beyond that.

Overflow: a sum of K int8 products is at most ``K * 2**14``, so for the K that an accelerator can hold (at most 16384)
it stays below 2**29. Adding the 32-bit bias wraps modulo 2**32, in hardware as here; a bias of magnitude up to
``2**31 - 2**29`` cannot wrap.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gatewright.spec.fixed import requantise

__all__ = ["exact_matmul", "gemm"]

Int8 = npt.NDArray[np.int8]

_FLOAT32_EXACT = 1 << 24
_FLOAT64_EXACT = 1 << 53


def exact_matmul(left: npt.NDArray[np.integer], right: npt.NDArray[np.integer], largest: int) -> npt.NDArray[np.int64]:
    """``left @ right`` (numpy broadcasting) of integers, exact.

    ``largest`` bounds the magnitude of one product of elements. Raises ValueError when a sum of them may exceed 2**53.
    """
    bound = largest * left.shape[-1]
    if bound > _FLOAT64_EXACT:
        raise ValueError(f"inner dimension is {left.shape[-1]}, allowed at most {_FLOAT64_EXACT // largest}")
    kind = np.float32 if bound <= _FLOAT32_EXACT else np.float64
    return np.matmul(left.astype(kind), right.astype(kind)).astype(np.int64)


def gemm(
    a: Int8,
    b_nk: Int8,
    bias: npt.NDArray[np.int32] | None = None,
    multiplier: npt.NDArray[np.integer] | int | None = None,
    shift: npt.NDArray[np.integer] | int | None = None,
) -> npt.NDArray[np.int8] | npt.NDArray[np.int32]:
    """``requantise(a @ b_nk.T + bias)``.

    Parameters
    ----------
    a : int8 [..., M, K].
    b_nk : int8 [N, K], as torch.nn.Linear keeps weights.
    bias : int32 [N], added to the accumulator modulo 2**32; None for zero.
    multiplier, shift : the requantiser of each column, [N] or scalar, 0..65535 and 0..63; both None for an int32
        result.

    Returns int8 [..., M, N] with a requantiser, int32 [..., M, N] without. Raises ValueError naming an operand that
    does not fit.
    """
    for name, operand in (("a", a), ("b_nk", b_nk)):
        if operand.dtype != np.int8:
            raise ValueError(f"{name} is {operand.dtype}, allowed: int8")
    if b_nk.ndim != 2 or a.ndim < 2 or a.shape[-1] != b_nk.shape[-1]:
        raise ValueError(f"a is {list(a.shape)} and b_nk {list(b_nk.shape)}, allowed: [..., M, K] and [N, K]")
    if bias is not None and bias.shape != b_nk.shape[:1]:
        raise ValueError(f"bias is {list(bias.shape)}, allowed: [{b_nk.shape[0]}]")
    if (multiplier is None) != (shift is None):
        raise ValueError("multiplier and shift: one is None, allowed: both or neither")
    acc = exact_matmul(a, b_nk.T, 1 << 14)
    if bias is not None:
        acc = acc + bias.astype(np.int64)
    wrapped = acc.astype(np.int32)  # modulo 2**32
    if multiplier is None or shift is None:
        return wrapped
    return requantise(wrapped, multiplier, shift).astype(np.int8)
