"""Makes of a product and the vector command that takes its results one command, so that they need no way to memory and
back, and the vector engine works while the array does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from gatewright.compiler.fabric.kernels import Buffer, Kernel, View, most
from gatewright.compiler.formats import INT16
from gatewright.spec.commands import GEMM, VECTOR, GemmFlags, VectorFlags
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import ErrorCode
from gatewright.spec.vector import Combine, ElementType

__all__ = ["with_epilogues"]


def with_epilogues(kernels: Sequence[Kernel], wanted: Collection[Buffer], config: AcceleratorConfig) -> list[Kernel]:
    """The kernels, in which products have taken over what was done to their results, where the configuration can.

    A product takes it over when nothing else reads its results, which are not among the buffers ``wanted`` after the
    step, and when all that it takes besides is there by then.
    """
    if not config.epilogue:
        return list(kernels)
    found: list[Kernel | None] = list(kernels)
    for index, product in enumerate(kernels):
        if product.spec is not GEMM or not product.flags & GemmFlags.OUT_INT16 or product.output in wanted:
            continue
        readers = [at for at, kernel in enumerate(kernels) if product.output in kernel.inputs]
        writers = [kernel for kernel in kernels if kernel.output is product.output]
        if len(readers) != 1 or len(writers) != 1:
            continue
        (at,) = readers
        joined = _joined(product, kernels[at], config)
        if joined is None:
            continue
        between = kernels[index + 1 : at]
        touched = {buffer for each in between for buffer in (*each.inputs, each.output)}
        made = {each.output for each in between}
        if joined.output not in touched and made.isdisjoint(joined.inputs):
            found[index], found[at] = joined, None
    return [kernel for kernel in found if kernel is not None]


def _joined(product: Kernel, after: Kernel, config: AcceleratorConfig) -> Kernel | None:
    """Both as one, or None where that is no command of the configuration."""
    if after.spec is not VECTOR:
        return None
    p, y, operands = product.views["c_addr"], after.views["y_addr"], ["a", "b"]
    alone = after.values["combine"] == Combine.ALONE
    if not alone and not _same(after.views["a_addr"], p):
        operands.reverse()  # both ways to combine two operands are symmetrical
    mine, other = operands
    d = None if alone else after.views[f"{other}_addr"]
    if not _same(after.views[f"{mine}_addr"], p) or (d is not None and not _goes_along(d, y, p, after)):
        return None
    per_column = GemmFlags.PER_COLUMN if after.flags & VectorFlags.PER_COLUMN else GemmFlags(0)
    flags = GemmFlags(product.flags) | GemmFlags.EPILOGUE | per_column
    values = {
        **product.values,
        "c_stride": y.stride,
        "c_type": ElementType.of(y.dtype),
        "p_multiplier": after.values[f"{mine}_multiplier"],
        "d_multiplier": after.values[f"{other}_multiplier"],
        **{name: after.values[name] for name in ("combine", "combine_shift", "function")},
    }
    if any(
        GEMM.field(name).fault(most(values[name]), config, flags) is not ErrorCode.NONE
        for name in ("n", "c_type", "function")
    ):
        return None
    views = {**product.views, "c_addr": y, "out_addr": after.views["params_addr"]}
    views |= {} if d is None else {"d_addr": d}
    views |= {"table_addr": after.views["table_addr"]} if "table_addr" in after.views else {}
    return replace(product, flags=int(flags), views=views, values=values, joined=(after.node, after.operator))


def _goes_along(d: View, y: View, p: View, after: Kernel) -> bool:
    """Whether the second operand lies as the result does, one element for each, and is not the product's own."""
    like = (d.rows, d.cols, d.dtype, d.stride) == (y.rows, y.cols, y.dtype, y.stride)
    return like and d.buffer is not p.buffer and not after.flags & VectorFlags.B_COLUMN


def _same(view: View, other: View) -> bool:
    """Whether both are the same int16 in memory."""
    return (
        view.buffer is other.buffer
        and view.dtype == other.dtype == INT16
        and (view.offset, view.rows, view.cols, view.stride) == (other.offset, other.rows, other.cols, other.stride)
    )
