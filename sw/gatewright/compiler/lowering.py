"""Lowers a model whose nodes have their places: steps of the fabric as kernels, those of the host as ONNX models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import onnx_ir as ir

from gatewright.compiler.errors import CompileError, OutOfRangeError
from gatewright.compiler.fabric.encode import UnplacedStep
from gatewright.compiler.graph_access import is_tensor
from gatewright.compiler.host_steps import cost, extract
from gatewright.compiler.lower.rules import rule_of
from gatewright.compiler.lower.step import LoweredStep
from gatewright.compiler.masks import is_mask
from gatewright.compiler.partition import Part, partition
from gatewright.compiler.quantisation.plan import Plan
from gatewright.program.compiled import HostStep
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import SpecError

__all__ = ["NodeError", "lower"]


class NodeError(CompileError):
    """A node that cannot be lowered since the fabric's formats cannot hold its numbers."""

    def __init__(self, node: ir.Node, reason: str) -> None:
        super().__init__(f"node {node.name}: {reason}")
        self.node, self.reason = node, reason


def lower(
    model: ir.Model,
    on_host: Mapping[ir.Node, str],
    plan: Plan,
    config: AcceleratorConfig,
    capacity: dict[str, int],
    *,
    keep_all: bool = False,
) -> list[UnplacedStep | HostStep]:
    """The steps of a model; nodes in ``on_host`` run there, for the reasons given. With ``keep_all`` every value of a
    step is an output.

    Raises :class:`NodeError`, and :class:`CompileError` for what is wrong with the model.
    """
    parts = partition(model, on_host)
    for part in parts:
        foreign = next((value for value in part.inputs if not is_tensor(value)), None)
        if foreign is not None:
            raise CompileError(
                f"{foreign.name} is a {type(foreign.type).__name__} that node {part.nodes[0].name}'s step on the host "
                "takes from another one, allowed are tensors between steps"
            )
    if keep_all:
        for part in parts:
            made = [value for node in part.nodes for value in node.outputs]
            part.outputs = [value for value in made if is_tensor(value) and value.shape is not None]
    return [
        _fabric(part, config, plan, capacity) if part.on_fabric else _host(model, parts, index, on_host, capacity)
        for index, part in enumerate(parts)
    ]


def _fabric(part: Part, config: AcceleratorConfig, plan: Plan, capacity: dict[str, int]) -> UnplacedStep:
    """The kernels of a step."""
    step = LoweredStep(config, plan, capacity)
    for node in part.nodes:
        found = rule_of(node)
        assert found is not None
        with _representable(node), step.emit.labelled(node.name or node.op_type, node.op_type):
            found.lower(node, step)
    for value in part.outputs:
        maker = value.producer()
        if maker is not None and step.has(value) and not is_mask(value):  # of a mask a later step takes the bits
            with _representable(maker):
                step.output(value)
    return step.finish()


@contextmanager
def _representable(node: ir.Node) -> Iterator[None]:
    """Names the node of which the numbers do not fit."""
    try:
        yield
    except (OutOfRangeError, SpecError, ArithmeticError) as error:
        raise NodeError(node, str(error)) from error


def _host(
    model: ir.Model, parts: Sequence[Part], index: int, on_host: Mapping[ir.Node, str], capacity: Mapping[str, int]
) -> HostStep:
    part, costs = parts[index], cost(parts, index, capacity)
    return HostStep(
        extract(model, part),
        tuple(value.name or "" for value in part.inputs),
        tuple(value.name or "" for value in part.outputs),
        tuple(node.name or node.op_type for node in part.nodes),
        tuple(f"{on_host[node]} (costs: {costs})" for node in part.nodes),
    )
