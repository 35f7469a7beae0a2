"""The rules by which nodes are lowered, in one table: operator -> what it needs, why it may be refused, how it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import onnx_ir as ir

from gatewright.compiler.fabric.matrices import fits_memory
from gatewright.compiler.formats import Format
from gatewright.compiler.graph_access import shape_of
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.operators import HOST_DOMAIN
from gatewright.compiler.quantisation.plan import Plan
from gatewright.spec.config import AcceleratorConfig

__all__ = ["RULES", "Rule", "demands", "refusal", "rule", "rule_of"]

Refuse = Callable[[ir.Node, AcceleratorConfig], str | None]
Demand = Callable[[ir.Node, Plan], dict[int, Format]]


def _takes_all(_node: ir.Node, _config: AcceleratorConfig) -> str | None:
    return None


def _takes_any_format(_node: ir.Node, _plan: Plan) -> dict[int, Format]:
    return {}


@dataclass(frozen=True)
class Rule:
    """How an operator runs on the fabric.

    Attributes
    ----------
    lower : emits the kernels of a node and defines its outputs.
    refuse : why a node cannot run on the fabric, or None.
    demand : the formats in which it must have operands, by input index; others may come in any format with one scale.
    constants : inputs, by index, whose values must be known when the model is compiled.
    """

    lower: Callable[[ir.Node, LoweredStep], None]
    refuse: Refuse
    demand: Demand
    constants: tuple[int, ...] = ()


RULES: dict[tuple[str, str], Rule] = {}
"""Rules by domain ("" for ONNX's own) and operator."""


def rule(
    *operators: str,
    domain: str = "",
    refuse: Refuse = _takes_all,
    demand: Demand = _takes_any_format,
    constants: tuple[int, ...] = (),
) -> Callable[[Callable[[ir.Node, LoweredStep], None]], Callable[[ir.Node, LoweredStep], None]]:
    """Registers the decorated function as the rule of ``operators``."""

    def register(lower: Callable[[ir.Node, LoweredStep], None]) -> Callable[[ir.Node, LoweredStep], None]:
        for operator in operators:
            RULES[domain, operator] = Rule(lower, refuse, demand, constants)
        return lower

    return register


def rule_of(node: ir.Node) -> Rule | None:
    """The rule of a node's operator, or None."""
    return RULES.get((node.domain, node.op_type))


def demands(node: ir.Node, plan: Plan) -> dict[int, Format]:
    """The formats in which a node of the fabric must have operands, by input index."""
    found = rule_of(node)
    return found.demand(node, plan) if found is not None else {}


def refusal(node: ir.Node, config: AcceleratorConfig) -> str | None:
    """Why a node must run on the host, or None."""
    found = rule_of(node)
    if node.domain == HOST_DOMAIN:
        return "edges are sorted, and indices computed, by the host before the fabric is rung"
    if found is None:
        return f"the fabric has no operator {node.domain + '::' if node.domain else ''}{node.op_type}"
    for index in found.constants:
        operand = node.inputs[index] if index < len(node.inputs) else None
        if operand is not None and operand.const_value is None:
            return f"{operand.name} is not constant"
    for value in (*node.inputs, *node.outputs):
        if value is not None and value.shape is None:
            return f"the shape of {value.name} is unknown"
        if value is not None and not fits_memory(shape_of(value)):
            return f"{value.name} has dynamic sizes that are not its first dimension"
    return found.refuse(node, config)
