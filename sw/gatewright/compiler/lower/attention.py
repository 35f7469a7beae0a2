"""Multi-head attention: one command per sequence of the batch.

One scale serves all scores, so that column c of q may have step s_c and that of k step u / s_c: the columns' ranges
are evened out between both. The output is a mean of rows of v, column by column, hence its columns may have any steps
as long as those of v are proportional; they follow what reads the output.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from gatewright.compiler.formats import INT8, Format
from gatewright.compiler.graph_access import operand, operands, shape_of, static_shape
from gatewright.compiler.lower.masks import key_mask
from gatewright.compiler.lower.rules import rule
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.masks import refuse_mask
from gatewright.compiler.operators import DOMAIN
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.fixed import Requantise
from gatewright.spec.softmax import score_requantise

__all__: list[str] = []


def _refuse(node: ir.Node, config: AcceleratorConfig) -> str | None:
    q, k, v = (shape_of(value) for value in operands(node, 3))
    if len(q) != 3 or not (q.is_static() and k.is_static() and v.is_static()):
        return f"q is {q}, and attention takes static sizes [batch, sequence, columns]"
    heads = node.attributes.get_int("heads")
    if len({q[2], k[2], v[2]}) > 1:
        return f"q, k and v have {q[2]}, {k[2]} and {v[2]} columns, and attention takes equally many"
    assert isinstance(q[2], int) and isinstance(k[1], int)
    if q[2] % heads or q[2] // heads % 8 or q[2] // heads > config.max_head_dim:
        return f"a head has {q[2] / heads:g} columns, allowed: a multiple of 8 up to {config.max_head_dim}"
    if k[1] > config.max_seq:
        return f"it has {k[1]} keys, allowed at most {config.max_seq}"
    if node.attributes.get_float("scale") < 0:
        return f"scale is {node.attributes.get_float('scale'):g}, allowed: 0 or more"
    mask = node.inputs[3] if len(node.inputs) > 3 else None
    return None if mask is None else refuse_mask(mask, k[1])


def _scores(node: ir.Node, plan: Plan) -> tuple[Format, Format, float]:
    """Formats of q and k, and the real value of one unit of their product."""
    q, k = operands(node, 2)
    width = static_shape(k)[2]
    q_columns, k_columns = (np.broadcast_to(plan.columns(value), (width,)) for value in (q, k))
    ratio = np.sqrt(q_columns / k_columns)
    unit = float(np.sqrt(q_columns * k_columns).max()) / 127
    return Format(INT8, unit * ratio), Format(INT8, unit / ratio), unit * unit


def _values(node: ir.Node, plan: Plan) -> Format:
    """The format of v: in proportion to that of the output where it is int8, and such that nothing saturates."""
    v, out = operand(node, 2), node.outputs[0]
    wanted = plan.formats(out)
    if len(wanted) != 1 or wanted[0].dtype != INT8:
        return plan.narrow(v)
    ratio = float((plan.columns(v) / wanted[0].scale).max()) / 127
    return Format(INT8, wanted[0].scale * ratio)


def _demand(node: ir.Node, plan: Plan) -> dict[int, Format]:
    q, k, _ = _scores(node, plan)
    return {0: q, 1: k, 2: _values(node, plan)}


@rule("Attention", domain=DOMAIN, refuse=_refuse, demand=_demand)
def attention(node: ir.Node, step: LoweredStep) -> None:
    """A command for each sequence, on parts of q, k, v and the output."""
    q_form, k_form, unit = _scores(node, step.plan)
    v_form = _values(node, step.plan)
    q, k, v = operands(node, 3)
    on = [step.take(value, form).view for value, form in ((q, q_form), (k, k_form), (v, v_form))]
    out = step.produce(node.outputs[0])
    batch, keys, _ = static_shape(k)
    queries = static_shape(q)[1]
    mask = node.inputs[3] if len(node.inputs) > 3 else None
    score = score_requantise(unit * node.attributes.get_float("scale"), 1.0, 1)
    mix = Requantise.from_scale(float((v_form.scale / out.format.scale).max()))
    for index, bits in enumerate(key_mask(step, mask, batch, keys)):
        step.emit.attention(
            on[0].part(index * queries, queries),
            on[1].part(index * keys, keys),
            on[2].part(index * keys, keys),
            out.view.part(index * queries, queries),
            node.attributes.get_int("heads"),
            score,
            mix,
            causal=bool(node.attributes.get_int("causal")),
            mask=bits,
        )
