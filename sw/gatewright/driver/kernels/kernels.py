"""The accelerator's kernels as methods on arrays: each checks its arguments, places them, and runs one command."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.driver.kernels.epilogue_arguments import epilogue_shape
from gatewright.driver.kernels.kernel_arguments import (
    ColumnRequantise,
    Matrix,
    aggregate_shape,
    attention_shape,
    gemm_shape,
)
from gatewright.driver.kernels.vector_arguments import vector_shape
from gatewright.driver.memory.arrays import PlacedArray
from gatewright.driver.memory.scratch import Scratch
from gatewright.spec.commands import AGGREGATE, ATTENTION, GEMM, VECTOR, AttentionFlags, GemmFlags, encode
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.csr import CsrMatrix
from gatewright.spec.fixed import Requantise, is_narrow
from gatewright.spec.tiling import keeps_a_resident
from gatewright.spec.vector_op import VectorOp

__all__ = ["Kernels"]

_GEMM_RESULT = {1: GemmFlags(0), 2: GemmFlags.OUT_INT16, 4: GemmFlags.OUT_INT32}
"""Flag by the bytes of an element of C."""


Place = Callable[[Scratch], tuple[bytes, PlacedArray]]
"""Puts operands on the device; gives the command, and the array that it writes."""


class Kernels(ABC):
    """What an accelerator computes; how it does is left to the class that derives from this one."""

    config: AcceleratorConfig

    @abstractmethod
    def _compute(self, place: Place) -> npt.NDArray[Any]:
        """Run the command that ``place`` makes, wait for its end, and return what it wrote."""

    def gemm(
        self,
        a: Matrix,
        b: Matrix,
        *,
        b_is_kn: bool = False,
        bias: npt.ArrayLike | None = None,
        requantise: Requantise | ColumnRequantise | None = None,
        dtype: npt.DTypeLike | None = None,
        b_is_narrow: bool = False,
        epilogue: VectorOp | None = None,
        d: Matrix | None = None,
    ) -> npt.NDArray[Any]:
        """``C = requantise(A B + bias)``: int8, int16 or int32 [m, n]; with an epilogue that of the int16 results.

        Parameters
        ----------
        a : int8 [m, k].
        b : int8 [n, k] (as ``torch.nn.Linear`` keeps weights), or [k, n] with ``b_is_kn``.
        bias : int32 [n], in units of the accumulator.
        requantise : one requantiser, or (multipliers [n], shifts [n]), for a narrow result; None for int32.
        dtype : of the result: int8 (default) or int16 with ``requantise``, int32 without.
        b_is_narrow : an element of ``b`` that is -128 counts as -127, which lets most accelerators go twice as fast. Of
            a ``b`` on the host it is seen whether there is any.
        epilogue : what becomes of int16 results on their way to memory, element by element, as by :meth:`vector`; for
            whole tiles of columns, where the configuration has it.
        d : what they are combined with, of the type of C [m, n]; None when the epilogue's ``combine`` is ALONE.

        Raises :class:`DriverError` naming a bad argument, :class:`AcceleratorError` and :class:`AcceleratorTimeout`.
        """
        shape = gemm_shape(self.config, a, b, b_is_kn, bias, requantise, dtype)
        after = epilogue_shape(self.config, shape, epilogue, d)
        flags = GemmFlags.B_KN if b_is_kn else GemmFlags(0)
        flags |= _GEMM_RESULT[shape.out_dtype.itemsize]
        flags |= GemmFlags.PARAMS if shape.params is not None else GemmFlags(0)
        if keeps_a_resident(shape.m, shape.n, shape.k, self.config, b_is_kn=b_is_kn):
            flags |= GemmFlags.A_RESIDENT
        if b_is_narrow or (isinstance(b, np.ndarray) and is_narrow(b)):
            flags |= GemmFlags.B_NARROW

        def place(scratch: Scratch) -> tuple[bytes, PlacedArray]:
            operands = {"a": scratch.operand(a), "b": scratch.operand(b)}
            fields = {"m": shape.m, "n": shape.n, "k": shape.k, "params_addr": scratch.bytes(shape.params)}
            if epilogue is None or after is None:
                c = scratch.empty((shape.m, shape.n), shape.out_dtype)
                return encode(GEMM, flags, **_matrices(c=c, **operands), **fields), c
            c = scratch.empty((shape.m, shape.n), epilogue.y_type.dtype)
            fields |= after.fields | {
                "out_addr": scratch.bytes(after.params),
                "table_addr": scratch.bytes(epilogue.table),
                "d_addr": 0 if d is None else scratch.operand(d).address,
            }
            return encode(GEMM, flags | after.flags, **_matrices(c=c, **operands), **fields), c

        return self._compute(place)

    def attention(
        self,
        q: Matrix,
        k: Matrix,
        v: Matrix,
        heads: int,
        score: Requantise,
        out: Requantise,
        causal: bool = False,
        key_mask: npt.ArrayLike | None = None,
        dtype: npt.DTypeLike = np.int8,
    ) -> npt.NDArray[Any]:
        """``softmax(Q K^T / sqrt(d) + mask) V`` for each head: int8 or int16 [seq_q, heads * d].

        Parameters
        ----------
        q : int8 [seq_q, heads * d]; head h is columns h*d .. h*d + d - 1.
        k, v : int8 [seq_kv, heads * d]; an element that is -128 counts as -127.
        score : accumulators of Q K^T to log2 units with 7 fraction bits; 1 / sqrt(d) is part of it.
        out : weighted mean of V to the output's unit.
        causal : query i attends to keys j <= i + seq_kv - seq_q.
        key_mask : bool [seq_kv], True = attend.
        dtype : of the result, int8 or int16.

        Raises as :meth:`gemm`.
        """
        shape = attention_shape(self.config, q, k, v, heads, score, out, key_mask, dtype)
        flags = AttentionFlags.CAUSAL if causal else AttentionFlags(0)
        flags |= AttentionFlags.KEY_MASK if shape.mask is not None else AttentionFlags(0)
        flags |= AttentionFlags.OUT_INT16 if shape.out_dtype == np.int16 else AttentionFlags(0)

        def place(scratch: Scratch) -> tuple[bytes, PlacedArray]:
            o = scratch.empty((shape.seq_q, shape.heads * shape.head_dim), shape.out_dtype)
            command = encode(
                ATTENTION,
                flags,
                **_matrices(q=scratch.operand(q), k=scratch.operand(k), v=scratch.operand(v), o=o),
                mask_addr=scratch.bytes(shape.mask),
                seq_q=shape.seq_q,
                seq_kv=shape.seq_kv,
                heads=shape.heads,
                head_dim=shape.head_dim,
                score_multiplier=score.multiplier,
                score_shift=score.shift,
                out_multiplier=out.multiplier,
                out_shift=out.shift,
            )
            return command, o

        return self._compute(place)

    def aggregate(self, csr: CsrMatrix, x: Matrix, requantise: Requantise) -> npt.NDArray[np.int8]:
        """``Y[i] = requantise(sum_j w_ij X[j])``: int8 [rows, features].

        Parameters
        ----------
        csr : the matrix of weights [rows, cols].
        x : int8 [cols, features].
        requantise : from weight units times feature units to the output's unit.

        Raises as :meth:`gemm`.
        """
        features = aggregate_shape(self.config, csr, x, requantise)

        def place(scratch: Scratch) -> tuple[bytes, PlacedArray]:
            y = scratch.empty((csr.n_rows, features), np.int8)
            command = encode(
                AGGREGATE,
                row_ptr_addr=scratch.bytes(csr.row_ptr),
                col_addr=scratch.bytes(csr.col),
                weight_addr=scratch.bytes(csr.weight),
                **_matrices(x=scratch.operand(x), y=y),
                rows=csr.n_rows,
                cols=csr.cols,
                nnz=csr.nnz,
                features=features,
                multiplier=requantise.multiplier,
                shift=requantise.shift,
            )
            return command, y

        return self._compute(place)

    def vector(self, a: Matrix, b: Matrix | None, op: VectorOp) -> npt.NDArray[Any]:
        """``Y = out(function(combine(A, B)))``, element by element or row by row: [rows, cols] of ``op.y_type``.

        Parameters
        ----------
        a : int8, int16, int32 or uint8 [rows, cols], or [1, cols] to be repeated.
        b : the like, or [rows, 1], [1, 1] to be repeated along a row; None when ``op.combine`` is ALONE.
        op : what to do; :mod:`gatewright.spec.operations` makes it from real scales.

        Raises as :meth:`gemm`.
        """
        shape = vector_shape(self.config, a, b, op)

        def place(scratch: Scratch) -> tuple[bytes, PlacedArray]:
            a_on = scratch.operand(a)
            b_on = a_on if b is None else scratch.operand(b)
            y = scratch.empty((shape.rows, shape.cols), shape.out_dtype)
            matrices = _matrices(a=a_on, b=b_on, y=y)
            matrices |= {"a_stride": 0} if shape.repeat_a else {}
            matrices |= {"b_stride": 0} if shape.repeat_b else {}
            arrays = {"params_addr": scratch.bytes(shape.params), "table_addr": scratch.bytes(op.table)}
            sizes = {"rows": shape.rows, "cols": shape.cols}
            return encode(VECTOR, shape.flags, **shape.fields, **matrices, **arrays, **sizes), y

        return self._compute(place)


def _matrices(**arrays: PlacedArray) -> dict[str, int]:
    """The fields of matrices by their names in the command: addresses and strides."""
    addresses = {f"{name}_addr": array.address for name, array in arrays.items()}
    return addresses | {f"{name}_stride": array.stride for name, array in arrays.items()}
