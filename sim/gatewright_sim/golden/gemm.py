"""C = requantise(A B^T + bias) in integers: what the array computes, bit for bit.

The product and the requantiser run in floating point, exactly (:mod:`gatewright_sim.golden.exact`).

Overflow: a sum of K int8 products is at most ``K * 2**14``, so for the K that an accelerator can hold (at most 16384)
it stays below 2**29. Adding the 32-bit bias wraps modulo 2**32, in hardware as here; a bias of magnitude up to
``2**31 - 2**29`` cannot wrap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.spec.fixed import narrowed
from gatewright_sim.golden.exact import exact_matmul, factor, rescale

__all__ = ["PRODUCT_MAX", "RESULT_TYPE", "gemm"]

Int8 = npt.NDArray[np.int8]

RESULT_TYPE = {8: np.int8, 16: np.int16}
"""By its width in bits."""

PRODUCT_MAX = 1 << 14
"""Of two int8."""

_WRAP = 1 << 31
"""Where an accumulator wraps."""


def gemm(
    a: Int8,
    b_nk: Int8,
    bias: npt.NDArray[np.int32] | None = None,
    multiplier: npt.NDArray[np.integer[Any]] | int | None = None,
    shift: npt.NDArray[np.integer[Any]] | int | None = None,
    bits: int = 8,
    narrow: bool = False,
) -> npt.NDArray[np.int8] | npt.NDArray[np.int16] | npt.NDArray[np.int32]:
    """``requantise(a @ b_nk.T + bias)``.

    Parameters
    ----------
    a : int8 [..., M, K].
    b_nk : int8 [N, K], as torch.nn.Linear keeps weights.
    bias : int32 [N], added to the accumulator modulo 2**32; None for zero.
    multiplier, shift : the requantiser of each column, [N] or scalar, 0..65535 and 0..63; both None for an int32
        result.
    bits : width of a requantised result, 8 or 16.
    narrow : elements of ``b_nk`` that are -128 count as -127.

    Returns int8 or int16 [..., M, N] with a requantiser, int32 [..., M, N] without. Raises ValueError naming an operand
    that does not fit.
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
    acc = exact_matmul(a, (narrowed(b_nk) if narrow else b_nk).T, PRODUCT_MAX)
    largest = PRODUCT_MAX * a.shape[-1]
    if bias is not None:
        largest += max(int(bias.max()), -int(bias.min()))
    if bias is not None and (multiplier is None or largest >= _WRAP):
        acc, bias = np.add(acc, bias, dtype=np.float64).astype(np.int64).astype(np.int32), None  # modulo 2**32
    if multiplier is None or shift is None:
        return acc.astype(np.int32, copy=False)
    return rescale(acc, factor(multiplier, shift), RESULT_TYPE[bits], largest, bias)
