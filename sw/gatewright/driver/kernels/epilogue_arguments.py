"""Checks of the epilogue of :meth:`Accelerator.gemm`, and what the command says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatewright.driver.errors import DriverError
from gatewright.driver.kernels.kernel_arguments import GemmShape, Matrix, matrix_shape
from gatewright.driver.kernels.vector_arguments import operation
from gatewright.spec.commands import GemmFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.vector import Combine, ElementType, Function
from gatewright.spec.vector_op import VectorOp

__all__ = ["EpilogueShape", "epilogue_shape"]

_FUNCTIONS = (Function.NONE, Function.TABLE)
_TYPES = (ElementType.INT8, ElementType.INT16)


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
    for name, value, allowed in (("function", op.function, _FUNCTIONS), ("y_type", op.y_type, _TYPES)):
        if value not in allowed:
            names = " or ".join(each.name for each in allowed)
            raise DriverError(f"{name} is {value.name}, allowed in an epilogue: {names}")
    whole, most = config.array_cols, config.max_columns
    if product.n % whole or product.n > most:
        raise DriverError(
            f"columns of c (n) is {product.n}, allowed with an epilogue: multiples of {whole} up to {most} "
            f"(config {config.name!r})"
        )
    if (d is None) != (op.combine is Combine.ALONE):
        raise DriverError(f"d is {'missing' if d is None else 'given'}, but combine is {op.combine.name}")
    if d is not None and matrix_shape("d", d, op.y_type.dtype) != (product.m, product.n):
        raise DriverError(f"d is of shape {d.shape}, allowed: that of c, ({product.m}, {product.n})")
    flags = GemmFlags.EPILOGUE | (GemmFlags.PER_COLUMN if len(params) > 1 else GemmFlags(0))
    fields = {
        "p_multiplier": int(op.a_multiplier),
        "d_multiplier": int(op.b_multiplier) if op.combine is Combine.ADD else 0,
        "combine_shift": int(op.combine_shift),
        "combine": int(op.combine),
        "function": int(op.function),
        "c_type": int(op.y_type),
    }
    return EpilogueShape(flags, params, fields)
