"""Sparse adjacency times features in PyTorch; `torch.onnx.export` makes it the operator `gatewright.CsrMatMul`."""

import torch

from gatewright.compiler.operators import DOMAIN, VERSION

__all__ = ["csr_matmul"]


def csr_matmul(row_ptr: torch.Tensor, col: torch.Tensor, weight: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """``y[r] = sum of weight[e] * x[col[e]]`` over e from row_ptr[r] to row_ptr[r + 1] - 1.

    row_ptr int64 [R + 1], col int64 [E], weight float [E], x float [C, F] -> float [R, F]

    An exported model needs `gatewright.compiler.operators.add_functions`, which gives it the operator's body, so that
    any ONNX runtime executes it.
    """
    if torch.onnx.is_in_onnx_export():
        shape = (row_ptr.shape[0] - 1, x.shape[1])
        operands = (row_ptr, col, weight, x)
        return torch.onnx.ops.symbolic(f"{DOMAIN}::CsrMatMul", operands, dtype=x.dtype, shape=shape, version=VERSION)
    rows = torch.repeat_interleave(torch.arange(len(row_ptr) - 1), row_ptr.diff())
    return torch.zeros(len(row_ptr) - 1, x.shape[1], dtype=x.dtype).index_add_(0, rows, weight[:, None] * x[col])
