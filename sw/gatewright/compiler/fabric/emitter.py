"""All commands that a step may be made of; what one command cannot hold is split."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gatewright.compiler.fabric.kernels import Size, View, most
from gatewright.compiler.fabric.vector_commands import VectorCommands
from gatewright.compiler.formats import INT8, INT16, INT32
from gatewright.spec.commands import (
    AGGREGATE,
    ATTENTION,
    GEMM,
    GEMM_PARAMS_DTYPE,
    AttentionFlags,
    GemmFlags,
)
from gatewright.spec.fixed import Requantise, is_narrow
from gatewright.spec.tiling import keeps_a_resident

__all__ = ["Emitter", "gemm_params"]


def gemm_params(factor: npt.ArrayLike, bias: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """GEMM's records: accumulator times ``factor`` (0..65535, broadcast to the columns), after adding ``bias``."""
    scales = [Requantise.from_scale(float(each)) for each in np.broadcast_to(np.asarray(factor), bias.shape)]
    records = np.zeros(len(bias), GEMM_PARAMS_DTYPE)
    records["bias"] = bias
    records["multiplier"] = [scale.multiplier for scale in scales]
    records["shift"] = [scale.shift for scale in scales]
    return records


def _is_narrow_constant(view: View) -> bool:
    data = view.buffer.data
    return data is not None and is_narrow(data.view(np.int8))


class Emitter(VectorCommands):
    """What `VectorCommands` computes, and the products of the array and of sparse matrices."""

    def gemm(
        self, a: View, b: View, c: View, params: View | None, *, b_is_kn: bool = False, narrow: bool = False
    ) -> None:
        """``C = requantise(A B)``; C's type chooses the result, int32 without a requantiser. ``narrow``: an element of
        B that is -128 may as well be -127; of a constant it is seen whether there is any."""
        m, k, n = a.rows, a.cols, c.cols
        flags = GemmFlags.B_KN if b_is_kn else GemmFlags(0)
        flags |= {INT8: GemmFlags(0), INT16: GemmFlags.OUT_INT16, INT32: GemmFlags.OUT_INT32}[c.dtype]
        if keeps_a_resident(most(m), n, k, self.config, b_is_kn=b_is_kn):
            flags |= GemmFlags.A_RESIDENT
        views = {"a_addr": a, "b_addr": b, "c_addr": c}
        if narrow or _is_narrow_constant(b):
            flags |= GemmFlags.B_NARROW
        if params is not None:
            flags |= GemmFlags.PARAMS
            views["params_addr"] = params
        strides = {"a_stride": a.stride, "b_stride": b.stride, "c_stride": c.stride}
        self.emit(GEMM, flags, views, {"m": m, "n": n, "k": k, **strides})

    def attention(
        self,
        q: View,
        k: View,
        v: View,
        o: View,
        heads: int,
        score: Requantise,
        mix: Requantise,
        *,
        causal: bool = False,
        mask: View | None = None,
    ) -> None:
        """Multi-head attention; O's type chooses the result."""
        flags = AttentionFlags.CAUSAL if causal else AttentionFlags(0)
        flags |= AttentionFlags.OUT_INT16 if o.dtype == INT16 else AttentionFlags(0)
        views = {"q_addr": q, "k_addr": k, "v_addr": v, "o_addr": o}
        if mask is not None:
            flags |= AttentionFlags.KEY_MASK
            views["mask_addr"] = mask
        self.emit(
            ATTENTION,
            flags,
            views,
            {
                "seq_q": q.rows,
                "seq_kv": k.rows,
                "heads": heads,
                "head_dim": q.cols // heads,
                **{f"{name}_stride": view.stride for name, view in zip("qkvo", (q, k, v, o), strict=True)},
                "score_multiplier": score.multiplier,
                "score_shift": score.shift,
                "out_multiplier": mix.multiplier,
                "out_shift": mix.shift,
            },
        )

    def aggregate(
        self, row_ptr: View, col: View, weight: View, x: View, y: View, rows: Size, nnz: Size, scale: Requantise
    ) -> None:
        """``Y = requantise(W X)`` of int8, in slices of as many columns as a command holds."""
        width = self.config.max_features
        for start in range(0, x.cols, width):
            cols = min(width, x.cols - start)
            x_part, y_part = x.part(0, x.rows, start, cols), y.part(0, y.rows, start, cols)
            self.emit(
                AGGREGATE,
                0,
                {
                    "row_ptr_addr": row_ptr,
                    "col_addr": col,
                    "weight_addr": weight,
                    "x_addr": x_part,
                    "y_addr": y_part,
                },
                {
                    "rows": rows,
                    "cols": x.rows,
                    "nnz": nnz,
                    "features": cols,
                    "x_stride": x.stride,
                    "y_stride": y.stride,
                    "multiplier": scale.multiplier,
                    "shift": scale.shift,
                },
            )
