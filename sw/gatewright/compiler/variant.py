"""One choice of a model's sizes, from its canonical form to steps without addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import onnx_ir as ir

from gatewright.compiler.assign import Assignment
from gatewright.compiler.bindings import Bindings
from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.encode import UnplacedVariant
from gatewright.compiler.fabric.matrices import dims as shape_dims
from gatewright.compiler.lowering import lower
from gatewright.compiler.masks import padding
from gatewright.compiler.passes import run
from gatewright.program.compiled import Value
from gatewright.spec.config import AcceleratorConfig

__all__ = ["build_variant", "choices"]


def choices(buckets: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    """Every combination of bucket sizes, small ones first. Raises :class:`CompileError` for sizes below 1, and none."""
    for name, sizes in buckets.items():
        if not sizes or not all(isinstance(size, int) and size >= 1 for size in sizes):
            raise CompileError(f"bucket {name} has sizes {list(sizes)}, allowed: at least one, each 1 or more")
    ordered = [sorted(set(sizes)) for sizes in buckets.values()]
    return [dict(zip(buckets, choice, strict=True)) for choice in product(*ordered)]


def build_variant(
    model: ir.Model,
    config: AcceleratorConfig,
    bindings: Bindings,
    assign: Callable[[ir.Model, dict[str, int]], Assignment],
) -> tuple[UnplacedVariant, Assignment]:
    """Bring ``model`` to its canonical form, in place, and lower it for one choice of sizes.

    ``assign`` says where its nodes run, and in which formats, given the canonical model and the largest dynamic sizes.

    Raises :class:`CompileError` naming the node that is at fault.
    """
    declared = {value.name: value.shape for value in (*model.graph.inputs, *model.graph.outputs)}
    run(model, bindings)
    _as_declared(model)
    _made_by_nodes(model)
    dims, capacity = dict(bindings.buckets), {**bindings.capacity, **bindings.derived}
    inputs, outputs = (
        tuple(_interface(value, declared.get(value.name), {*dims, *capacity}) for value in values)
        for values in (model.graph.inputs, model.graph.outputs)
    )
    assigned = assign(model, capacity)
    steps = lower(model, assigned.on_host, assigned.plan, config, capacity)
    return UnplacedVariant(dims, capacity, inputs, outputs, steps), assigned


def _as_declared(model: ir.Model) -> None:
    """Raises :class:`CompileError` for a value that is computed with other sizes than the model says."""
    for value in (*model.graph.initializers.values(), *model.graph.outputs):
        if value.const_value is None or value.shape is None:
            continue
        said, found = shape_dims(value.shape), tuple(value.const_value.shape.numpy())
        known = [its if isinstance(size, str) else size for size, its in zip(said, found, strict=False)]
        if (len(said), known) != (len(found), list(found)):
            raise CompileError(f"{value.name} is declared as {list(said)}, but is {list(found)}")


def _made_by_nodes(model: ir.Model) -> None:
    """Outputs that folding has left as constants become results of an Identity."""
    for index, value in enumerate(model.graph.outputs):
        if value.producer() is not None or value.const_value is None:
            continue
        constant = ir.Value(name=value.name, shape=value.shape, type=value.type, const_value=value.const_value)
        constant.name = f"{value.name}_constant"
        del model.graph.initializers[value.name or ""]
        model.graph.register_initializer(constant)
        node = ir.node("Identity", [constant], name=f"{value.name}_identity")
        result = node.outputs[0]
        result.name, result.shape, result.type = value.name, value.shape, value.type
        for user, place in list(value.uses()):
            user.replace_input_with(place, constant)
        model.graph.append(node)
        model.graph.outputs[index] = result


def _interface(value: ir.Value, declared: ir.Shape | None, names: set[str]) -> Value:
    """An input or output with the names of its dimensions, where ``names`` has them, and their sizes elsewhere."""
    assert value.shape is not None and value.dtype is not None
    sizes = shape_dims(value.shape)
    wanted = shape_dims(declared) if declared is not None and len(declared) == len(sizes) else sizes
    shape = tuple(name if name in names else size for name, size in zip(wanted, sizes, strict=True))
    return Value(value.name or "", value.dtype.numpy().name, shape, float(padding(value)))
