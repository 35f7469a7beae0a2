"""Checks of kernel arguments on the host, so that what the accelerator would refuse is named by its argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.driver.memory.arrays import DeviceArray
from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, GEMM_PARAMS_DTYPE, CommandSpec
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import ACCUMULATOR_BITS, MULTIPLIER_BITS, SHIFT_MAX, Requantise

__all__ = [
    "AttentionShape",
    "ColumnRequantise",
    "GemmShape",
    "Matrix",
    "aggregate_shape",
    "alternatives",
    "attention_shape",
    "gemm_shape",
    "matrix_shape",
    "per_column",
    "result_dtype",
    "size",
]

Matrix = npt.NDArray[Any] | DeviceArray
"""An argument on the host or already on the device."""

ColumnRequantise = tuple[npt.ArrayLike, npt.ArrayLike]
"""Multipliers and shifts, one of each per output column."""

_PRODUCT_MAX = 128 * 128


def matrix_shape(name: str, value: object, *kinds: npt.DTypeLike) -> tuple[int, int]:
    """The shape of a matrix argument of one of the dtypes ``kinds``."""
    if not isinstance(value, np.ndarray | DeviceArray):
        raise DriverError(f"{name} is a {type(value).__name__}, allowed: a numpy array or a DeviceArray")
    allowed = [np.dtype(kind) for kind in kinds]
    if value.dtype not in allowed or len(value.shape) != 2:
        raise DriverError(
            f"{name} is {value.dtype} of shape {value.shape}, allowed: {alternatives(allowed)} with two dimensions"
        )
    rows, columns = value.shape
    return rows, columns


def alternatives(values: Iterable[object]) -> str:
    """As in "int8, int16 or int32"."""
    *most, last = map(str, values)
    return f"{', '.join(most)} or {last}" if most else last


def _matrix(name: str, value: object) -> tuple[int, int]:
    return matrix_shape(name, value, np.int8)


def result_dtype(name: str, dtype: npt.DTypeLike, *kinds: npt.DTypeLike) -> np.dtype[Any]:
    """The numpy dtype of a result, one of ``kinds``."""
    allowed = [np.dtype(kind) for kind in kinds]
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise DriverError(f"{name} is {dtype!r}, allowed: {alternatives(allowed)}") from None
    if found not in allowed:
        raise DriverError(f"{name} is {found}, allowed: {alternatives(allowed)}")
    return found


def size(what: str, value: int, command: CommandSpec, field: str, config: AcceleratorConfig, flags: int = 0) -> None:
    """Hold a size against the limits of the command's field, beside ``flags`` of the command."""
    most, multiple = command.field(field).limits(config, flags)
    if not 1 <= value <= most:
        raise DriverError(f"{what} is {value}, allowed 1..{most} (config {config.name!r})")
    if value % multiple:
        raise DriverError(f"{what} is {value}, allowed: multiples of {multiple}")


def _equal(what: str, value: int, other: str, wanted: int) -> None:
    if value != wanted:
        raise DriverError(f"{what} is {value}, but {other} is {wanted}: must be equal")


def _requantiser(name: str, value: object) -> None:
    if not isinstance(value, Requantise):
        raise DriverError(f"{name} is a {type(value).__name__}, allowed: a Requantise")


def per_column(name: str, values: npt.ArrayLike, n: int, low: int, high: int) -> npt.NDArray[np.int64]:
    """One integer in low..high for each of ``n`` columns."""
    array = np.asarray(values)
    if array.shape != (n,) or not np.issubdtype(array.dtype, np.integer):
        raise DriverError(f"{name} is {array.dtype} of shape {array.shape}, allowed: integers of shape ({n},)")
    wide = array.astype(np.int64)
    if wide.min() < low or wide.max() > high:
        raise DriverError(f"{name} spans {wide.min()}..{wide.max()}, allowed {low}..{high}")
    return wide


@dataclass(frozen=True)
class GemmShape:
    """A checked GEMM: sizes, and the record per column that goes with it (or None)."""

    m: int
    n: int
    k: int
    params: npt.NDArray[np.void] | None
    out_dtype: np.dtype[Any]


def gemm_shape(
    config: AcceleratorConfig,
    a: Matrix,
    b: Matrix,
    b_is_kn: bool,
    bias: npt.ArrayLike | None,
    requantise: Requantise | ColumnRequantise | None,
    dtype: npt.DTypeLike | None,
) -> GemmShape:
    """Check the arguments of :meth:`Accelerator.gemm`. Raises :class:`DriverError` naming the argument."""
    m, k = _matrix("a", a)
    n, b_k = reversed(_matrix("b", b)) if b_is_kn else _matrix("b", b)
    _equal("the inner dimension of b", b_k, "that of a", k)
    for what, value, field in (
        ("rows of a (m)", m, "m"),
        ("columns of c (n)", n, "n"),
        ("inner dimension (k)", k, "k"),
    ):
        size(what, value, GEMM, field, config)
    if requantise is None:
        out = result_dtype("dtype without requantise", np.int32 if dtype is None else dtype, np.int32)
    else:
        out = result_dtype("dtype with requantise", np.int8 if dtype is None else dtype, np.int8, np.int16)
    if bias is None and requantise is None:
        return GemmShape(m, n, k, None, out)
    params = np.zeros(n, GEMM_PARAMS_DTYPE)
    if bias is not None:
        limit = (1 << (ACCUMULATOR_BITS - 1)) - 1 - k * _PRODUCT_MAX
        params["bias"] = per_column("bias", bias, n, -limit, limit)
    if requantise is None:
        return GemmShape(m, n, k, params, out)
    if isinstance(requantise, Requantise):
        params["multiplier"], params["shift"] = requantise.multiplier, requantise.shift
    else:
        if not isinstance(requantise, tuple) or len(requantise) != 2:
            kind = f"tuple of {len(requantise)}" if isinstance(requantise, tuple) else type(requantise).__name__
            raise DriverError(f"requantise is a {kind}, allowed: a Requantise, a pair (multipliers, shifts) or None")
        multipliers, shifts = requantise
        params["multiplier"] = per_column("requantise multipliers", multipliers, n, 0, (1 << MULTIPLIER_BITS) - 1)
        params["shift"] = per_column("requantise shifts", shifts, n, 0, SHIFT_MAX)
    return GemmShape(m, n, k, params, out)


@dataclass(frozen=True)
class AttentionShape:
    """A checked attention: sizes, the key mask as little-endian bits (or None), and the result's type."""

    seq_q: int
    seq_kv: int
    heads: int
    head_dim: int
    mask: npt.NDArray[np.uint8] | None
    out_dtype: np.dtype[Any]


def attention_shape(
    config: AcceleratorConfig,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    heads: int,
    score: Requantise,
    out: Requantise,
    key_mask: npt.ArrayLike | None,
    dtype: npt.DTypeLike,
) -> AttentionShape:
    """Check the arguments of :meth:`Accelerator.attention`; errors as :func:`gemm_shape`."""
    (seq_q, width), (seq_kv, k_width), (v_rows, v_width) = _matrix("q", q), _matrix("k", k), _matrix("v", v)
    _equal("columns of k", k_width, "columns of q", width)
    _equal("columns of v", v_width, "columns of q", width)
    _equal("rows of v", v_rows, "rows of k", seq_kv)
    if isinstance(heads, bool) or not isinstance(heads, int | np.integer):
        raise DriverError(f"heads is a {type(heads).__name__}, allowed: an integer")
    heads = int(heads)
    size("heads", heads, ATTENTION, "heads", config)
    if width % heads:
        raise DriverError(f"columns of q is {width}, allowed: multiples of heads = {heads}")
    size("rows of q (seq_q)", seq_q, ATTENTION, "seq_q", config)
    size("rows of k (seq_kv)", seq_kv, ATTENTION, "seq_kv", config)
    size("columns of one head (head_dim)", width // heads, ATTENTION, "head_dim", config)
    _requantiser("score", score)
    _requantiser("out", out)
    mask = None
    if key_mask is not None:
        bits = np.asarray(key_mask)
        if bits.shape != (seq_kv,) or bits.dtype != np.bool_:
            raise DriverError(f"key_mask is {bits.dtype} of shape {bits.shape}, allowed: bool of shape ({seq_kv},)")
        mask = np.packbits(bits, bitorder="little")
    return AttentionShape(seq_q, seq_kv, heads, width // heads, mask, result_dtype("dtype", dtype, np.int8, np.int16))


def aggregate_shape(config: AcceleratorConfig, csr: CsrMatrix, x: Matrix, requantise: Requantise) -> int:
    """Check the arguments of :meth:`Accelerator.aggregate`; returns the number of features. Errors as before."""
    rows, features = _matrix("x", x)
    if not isinstance(csr, CsrMatrix):
        raise DriverError(f"csr is a {type(csr).__name__}, allowed: a gatewright.spec.csr.CsrMatrix")
    _equal("rows of x", rows, "csr.cols", csr.cols)
    size("columns of x (features)", features, AGGREGATE, "features", config)
    _requantiser("requantise", requantise)
    return features
