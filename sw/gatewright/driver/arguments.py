"""Checks of kernel arguments on the host, so that what the accelerator would refuse is named by its argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.arrays import DeviceArray
from gatewright.driver.errors import DriverError
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
    "attention_shape",
    "gemm_shape",
]

Matrix = npt.NDArray[Any] | DeviceArray
"""An argument on the host or already on the device."""

ColumnRequantise = tuple[npt.ArrayLike, npt.ArrayLike]
"""Multipliers and shifts, one of each per output column."""

_PRODUCT_MAX = 128 * 128


def _matrix(name: str, value: object) -> tuple[int, int]:
    """The shape of an int8 matrix argument."""
    if not isinstance(value, np.ndarray | DeviceArray):
        raise DriverError(f"{name} is a {type(value).__name__}, allowed: a numpy array or a DeviceArray")
    if value.dtype != np.int8 or len(value.shape) != 2:
        raise DriverError(f"{name} is {value.dtype} of shape {value.shape}, allowed: int8 with two dimensions")
    rows, columns = value.shape
    return rows, columns


def _size(what: str, value: int, command: CommandSpec, field: str, config: AcceleratorConfig) -> None:
    """Hold a size against the limit of the command's field."""
    entry = command.field(field)
    if not 1 <= value <= entry.maximum(config):
        raise DriverError(f"{what} is {value}, allowed 1..{entry.maximum(config)} (config {config.name!r})")
    if value % entry.multiple:
        raise DriverError(f"{what} is {value}, allowed: multiples of {entry.multiple}")


def _equal(what: str, value: int, other: str, wanted: int) -> None:
    if value != wanted:
        raise DriverError(f"{what} is {value}, but {other} is {wanted}: must be equal")


def _requantiser(name: str, value: object) -> None:
    if not isinstance(value, Requantise):
        raise DriverError(f"{name} is a {type(value).__name__}, allowed: a Requantise")


def _per_column(name: str, values: npt.ArrayLike, n: int, low: int, high: int) -> npt.NDArray[np.int64]:
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
    out_dtype: type[np.int8] | type[np.int32]


def gemm_shape(
    config: AcceleratorConfig,
    a: Matrix,
    b: Matrix,
    b_is_kn: bool,
    bias: npt.ArrayLike | None,
    requantise: Requantise | ColumnRequantise | None,
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
        _size(what, value, GEMM, field, config)
    if bias is None and requantise is None:
        return GemmShape(m, n, k, None, np.int32)
    params = np.zeros(n, GEMM_PARAMS_DTYPE)
    if bias is not None:
        limit = (1 << (ACCUMULATOR_BITS - 1)) - 1 - k * _PRODUCT_MAX
        params["bias"] = _per_column("bias", bias, n, -limit, limit)
    if requantise is None:
        return GemmShape(m, n, k, params, np.int32)
    if isinstance(requantise, Requantise):
        params["multiplier"], params["shift"] = requantise.multiplier, requantise.shift
    else:
        if not isinstance(requantise, tuple) or len(requantise) != 2:
            kind = f"tuple of {len(requantise)}" if isinstance(requantise, tuple) else type(requantise).__name__
            raise DriverError(f"requantise is a {kind}, allowed: a Requantise, a pair (multipliers, shifts) or None")
        multipliers, shifts = requantise
        params["multiplier"] = _per_column("requantise multipliers", multipliers, n, 0, (1 << MULTIPLIER_BITS) - 1)
        params["shift"] = _per_column("requantise shifts", shifts, n, 0, SHIFT_MAX)
    return GemmShape(m, n, k, params, np.int8)


@dataclass(frozen=True)
class AttentionShape:
    """A checked attention: sizes, and the key mask as little-endian bits (or None)."""

    seq_q: int
    seq_kv: int
    heads: int
    head_dim: int
    mask: npt.NDArray[np.uint8] | None


def attention_shape(
    config: AcceleratorConfig,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    heads: int,
    score: Requantise,
    out: Requantise,
    key_mask: npt.ArrayLike | None,
) -> AttentionShape:
    """Check the arguments of :meth:`Accelerator.attention`; errors as :func:`gemm_shape`."""
    (seq_q, width), (seq_kv, k_width), (v_rows, v_width) = _matrix("q", q), _matrix("k", k), _matrix("v", v)
    _equal("columns of k", k_width, "columns of q", width)
    _equal("columns of v", v_width, "columns of q", width)
    _equal("rows of v", v_rows, "rows of k", seq_kv)
    if isinstance(heads, bool) or not isinstance(heads, int | np.integer):
        raise DriverError(f"heads is a {type(heads).__name__}, allowed: an integer")
    heads = int(heads)
    _size("heads", heads, ATTENTION, "heads", config)
    if width % heads:
        raise DriverError(f"columns of q is {width}, allowed: multiples of heads = {heads}")
    _size("rows of q (seq_q)", seq_q, ATTENTION, "seq_q", config)
    _size("rows of k (seq_kv)", seq_kv, ATTENTION, "seq_kv", config)
    _size("columns of one head (head_dim)", width // heads, ATTENTION, "head_dim", config)
    _requantiser("score", score)
    _requantiser("out", out)
    mask = None
    if key_mask is not None:
        bits = np.asarray(key_mask)
        if bits.shape != (seq_kv,) or bits.dtype != np.bool_:
            raise DriverError(f"key_mask is {bits.dtype} of shape {bits.shape}, allowed: bool of shape ({seq_kv},)")
        mask = np.packbits(bits, bitorder="little")
    return AttentionShape(seq_q, seq_kv, heads, width // heads, mask)


def aggregate_shape(config: AcceleratorConfig, csr: CsrMatrix, x: Matrix, requantise: Requantise) -> int:
    """Check the arguments of :meth:`Accelerator.aggregate`; returns the number of features. Errors as before."""
    rows, features = _matrix("x", x)
    if not isinstance(csr, CsrMatrix):
        raise DriverError(f"csr is a {type(csr).__name__}, allowed: a gatewright.spec.csr.CsrMatrix")
    _equal("rows of x", rows, "csr.cols", csr.cols)
    _size("columns of x (features)", features, AGGREGATE, "features", config)
    _requantiser("requantise", requantise)
    return features
