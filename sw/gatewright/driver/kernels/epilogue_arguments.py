"""Checks of the epilogue of :meth:`Accelerator.gemm`, and what the command says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.driver.kernels.kernel_arguments import GemmShape, Matrix, matrix_shape, size
from gatewright.driver.kernels.vector_arguments import operation
from gatewright.spec.commands import GEMM, GemmFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.vector import Combine
from gatewright.spec.vector_op import VectorOp

__all__ = ["EpilogueShape", "epilogue_shape"]


@dataclass(frozen=True)
class EpilogueShape:
    """A checked epilogue: flags, fields that are no addresses, and output records."""

    flags: GemmFlags
    params: npt.NDArray[np.void]
    fields: dict[str, int]


def epilogue_shape(
    config: AcceleratorConfig, product: GemmShape, op: VectorOp | None, d: Matrix | None
) -> EpilogueShape | None:
    """Check ``epilogue`` and ``d``; None where there is no epilogue.

    Raises :class:`DriverError` naming the argument.
    """
    if op is None:
        if d is not None:
            raise DriverError("d is given, but there is no epilogue")
        return None
    params = operation(op, product.n)
    if not config.epilogue:
        raise DriverError(f"epilogue is given, but config {config.name!r} has none: call vector after gemm")
    if product.out_dtype != np.int16:
        raise DriverError(f"dtype is {product.out_dtype}, allowed with an epilogue: int16, which is what it takes")
    for name, value, field in (("function", op.function, "function"), ("y_type", op.y_type, "c_type")):
        most = GEMM.field(field).most
        if value > most:
            names = " or ".join(each.name for each in type(value) if each <= most)
            raise DriverError(f"{name} is {value.name}, allowed in an epilogue: {names}")
    size("columns of c (n) with an epilogue", product.n, GEMM, "n", config, GemmFlags.EPILOGUE)
    if (d is None) != (op.combine is Combine.ALONE):
        raise DriverError(f"d is {'missing' if d is None else 'given'}, but combine is {op.combine.name}")
    if d is not None and matrix_shape("d", d, op.y_type.dtype) != (product.m, product.n):
        raise DriverError(f"d is of shape {d.shape}, allowed: that of c, ({product.m}, {product.n})")
    flags = GemmFlags.EPILOGUE | (GemmFlags.PER_COLUMN if len(params) > 1 else GemmFlags(0))
    return EpilogueShape(flags, params, op.epilogue_fields)
