"""The mean of the rows that a mask keeps, and rows scaled to length 1."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.fabric.kernels import View
from gatewright.compiler.formats import INT8, INT16, Format, Tensor
from gatewright.compiler.graph_access import operand, operands, shape_of, static_shape
from gatewright.compiler.lower.masks import key_mask
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.masks import refuse_mask
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.fixed import Requantise

__all__: list[str] = []

FINE_STEPS = 256
"""A mean of int8 rows is kept in steps this much finer: int16 with no room to spare and none needed."""


def _refuse_pool(node: ir.Node, config: AcceleratorConfig) -> str | None:
    x, mask = operands(node, 2)
    if len(shape_of(x)) != 3 or not shape_of(x).is_static():
        return f"x is {x.shape}, and the mean takes static sizes [batch, rows, columns]"
    rows = static_shape(x)[1]
    if rows > config.max_seq:
        return f"it has {rows} rows, allowed at most {config.max_seq}"
    return refuse_mask(mask, rows)


def _operand(node: ir.Node, plan: Plan) -> Format:
    """int8 with a scale per column: the mean is one of columns."""
    x = operand(node, 0)
    return Format.of(INT8, plan.columns(x))


@rule("MeanPool", domain=DOMAIN, refuse=_refuse_pool, demand=lambda node, plan: {0: _operand(node, plan)})
def mean_pool(node: ir.Node, step: LoweredStep) -> None:
    """Attention of one zero query: all scores are equal, hence all weights 1 / n. Heads are slices of the columns."""
    x, mask = operands(node, 2)
    form = _operand(node, step.plan)
    rows = step.take(x, form).view
    batch, keys, cols = static_shape(x)
    width = -(-cols // 8) * 8  # the padding of rows to 8 bytes joins in, and nobody reads what becomes of it
    head = max(size for size in range(8, step.emit.config.max_head_dim + 1, 8) if width % size == 0)
    rows = View(rows.buffer, rows.rows, width, rows.dtype, rows.stride, rows.offset)
    query = View.constant(f"{step.emit.node} query", np.zeros((1, width), np.int8))
    means = View.new(f"{step.emit.node} means", batch, width, INT16)
    score, mix = Requantise(0, 0), Requantise.from_scale(FINE_STEPS)
    for index, bits in enumerate(key_mask(step, mask, batch, keys)):
        part = rows.part(index * keys, keys)
        step.emit.attention(query, part, part, means.part(index, 1), width // head, score, mix, mask=bits)
    bound = 128.0 * FINE_STEPS
    found = Tensor(
        means.part(0, batch, 0, cols), step.shape(node.outputs[0]), Format(INT16, form.scale / FINE_STEPS), bound
    )
    step.define(node.outputs[0], found)


def _refuse_norm(node: ir.Node, config: AcceleratorConfig) -> str | None:
    x = operand(node, 0)
    cols = shape_of(x)[-1]
    if not isinstance(cols, int) or cols > config.max_columns:
        return f"a row has {cols} columns, allowed at most {config.max_columns}"
    return None


@rule("L2Norm", domain=DOMAIN, refuse=_refuse_norm)
def l2_norm(node: ir.Node, step: LoweredStep) -> None:
    """``x / sqrt(sum x**2) = (x / sqrt(mean x**2)) / sqrt(n)``; the smallest length that counts is epsilon."""
    x = operand(node, 0)
    source = step.narrow(x)
    out = step.produce(node.outputs[0])
    cols = source.view.cols
    epsilon = node.attributes.get_float("epsilon") ** 2 / cols
    step.emit.norm(source, out.view, out.format, 1 / np.sqrt(cols), 0.0, epsilon, centre=False)
