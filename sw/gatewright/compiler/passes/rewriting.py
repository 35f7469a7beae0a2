"""What all passes share: the base class, questions about values, and replacing nodes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes import common

from gatewright.compiler.bindings import Bindings
from gatewright.compiler.graph_access import maker_of
from gatewright.compiler.operators import DOMAIN, VERSION, add_functions

__all__ = [
    "Array",
    "Floats",
    "Pass",
    "array",
    "axes",
    "bypass",
    "consumer",
    "elements",
    "emit",
    "initializer",
    "is_private",
    "operands",
    "producer",
    "replace",
    "scalar",
    "sizes",
    "vector",
]

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


class Pass(ir.passes.InPlacePass):
    """A pass: `rewrite` changes the model and says whether it did; nodes that nothing reads then go away.

    ``bindings`` are the sizes of dynamic dimensions, for the passes that ask for them.
    """

    def __init__(self, bindings: Bindings | None = None) -> None:
        super().__init__()
        self.bindings = bindings or Bindings()

    def run(self, model: ir.Model) -> bool:
        """Change ``model`` in place, and say whether anything changed."""
        return bool(self(model).modified)

    def rewrite(self, model: ir.Model) -> bool:
        raise NotImplementedError

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        changed = self.rewrite(model)
        if changed:
            common.RemoveUnusedNodesPass()(model)
            model.graph.sort()
            add_functions(model)
        return ir.passes.PassResult(model, changed)


def array(value: ir.Value | None) -> Array | None:
    """The constant that ``value`` is, or None."""
    if value is None or value.const_value is None or value.is_graph_input():
        return None
    return value.const_value.numpy()


def scalar(value: ir.Value | None) -> float | None:
    """The number that ``value`` is: a constant with one element, or None."""
    constant = array(value)
    return float(constant.reshape(())) if constant is not None and constant.size == 1 else None


def vector(value: ir.Value | None, length: int) -> npt.NDArray[np.float32] | None:
    """A constant along the last axis: one of ``length`` elements, or a single one repeated; None otherwise."""
    constant = array(value)
    if constant is None or constant.dtype != np.float32 or constant.size not in (1, length):
        return None
    if constant.ndim and constant.shape[-1] != constant.size:
        return None
    return np.ascontiguousarray(np.broadcast_to(constant.reshape(-1), (length,)))


def sizes(value: ir.Value) -> tuple[int, ...] | None:
    """The static shape of ``value``, or None where a dimension is dynamic."""
    if value.shape is None or not value.shape.is_static():
        return None
    return tuple(size for size in value.shape if isinstance(size, int))


def elements(value: ir.Value, axis: int = -1) -> int | None:
    """Static size of one axis, or None."""
    if value.shape is None or not -len(value.shape) <= axis < len(value.shape):
        return None
    size = value.shape[axis]
    return size if isinstance(size, int) else None


def producer(value: ir.Value | None, *op_types: str, domain: str = "") -> ir.Node | None:
    """The node that makes ``value`` if it is one of ``op_types``."""
    node = value.producer() if value is not None else None
    return node if node is not None and node.domain == domain and node.op_type in op_types else None


def is_private(value: ir.Value) -> bool:
    """Whether one node alone reads ``value``, and the outside does not."""
    return len(value.uses()) == 1 and not value.is_graph_output()


def consumer(value: ir.Value, *op_types: str) -> ir.Node | None:
    """The one node that reads ``value``, if it is one of ``op_types``."""
    if not is_private(value):
        return None
    (use,) = value.uses()
    node = use.node
    return node if node.domain == "" and node.op_type in op_types else None


def operands(node: ir.Node) -> Iterator[tuple[ir.Value, ir.Value]]:
    """Both orders of the inputs of a commutative operator."""
    first, second = node.inputs[:2]
    if first is not None and second is not None:
        yield first, second
        yield second, first


def axes(node: ir.Node) -> tuple[int, ...] | None:
    """Axes of a reduction, counted from 0, whether an attribute or an input says them; None where not constant."""
    value = node.inputs[0]
    if value is None or value.shape is None:
        return None
    rank = len(value.shape)
    if "axes" in node.attributes:
        listed: Sequence[int] = node.attributes["axes"].as_ints()
    elif len(node.inputs) > 1 and node.inputs[1] is not None:
        constant = array(node.inputs[1])
        if constant is None:
            return None
        listed = [int(axis) for axis in constant.reshape(-1)]
    else:
        listed = () if node.attributes.get_int("noop_with_empty_axes", 0) else range(rank)
    return tuple(sorted(axis % rank for axis in listed))


def emit(
    op_type: str,
    inputs: Sequence[Any],
    after: ir.Node | None,
    graph: ir.Graph,
    *,
    attributes: Mapping[str, int | float | str | Sequence[int] | ir.Attr] | None = None,
    shape: Sequence[int | ir.SymbolicDim] | ir.Shape | None = None,
    dtype: ir.DataType | None = ir.DataType.FLOAT,
    overload: str = "",
    ours: bool = False,
    domain: str = "",
    name: str | None = None,
) -> ir.Value:
    """A new node in ``graph`` behind ``after`` (at the front if None), from values, arrays and None for what is not
    there.

    Arrays become initializers. Returns its output.
    """
    values = [
        initializer(graph, np.asarray(each)) if isinstance(each, np.ndarray | np.generic) else each for each in inputs
    ]
    node = ir.node(
        op_type,
        values,
        attributes or {},
        domain=DOMAIN if ours else domain,
        overload=overload,
        version=VERSION if ours else None,
        name=name,
    )
    if after is None:
        first = next(iter(graph), None)
        graph.append(node) if first is None else graph.insert_before(first, node)
    else:
        graph.insert_after(after, node)
    output = node.outputs[0]
    if dtype is not None:
        output.dtype = dtype
    output.shape = ir.Shape(shape) if shape is not None else None
    return output


def initializer(graph: ir.Graph, data: Array, name: str = "constant") -> ir.Value:
    """``data`` as a new initializer of ``graph`` with a name of its own."""
    unique = next(each for index in count() if (each := f"{name}_{index}") not in graph.initializers)
    tensor = ir.tensor(data, name=unique)
    value = ir.Value(name=unique, type=ir.TensorType(tensor.dtype), shape=ir.Shape(data.shape), const_value=tensor)
    graph.register_initializer(value)
    return value


def replace(old: ir.Value, new: ir.Value, heir: ir.Node | None = None) -> None:
    """Let all that reads ``old`` read ``new``, which a new node makes: name, shape and range go over to it.

    ``heir`` is the new node that is called like the one before, if that is not the one that makes ``new``.
    """
    node, heir = maker_of(old), heir or maker_of(new)
    _redirect(old, new)
    if not any(each.uses() or each.is_graph_output() for each in node.outputs):
        node.name, heir.name = f"{node.name}_before", node.name


def bypass(node: ir.Node, value: ir.Value) -> bool:
    """Let all that reads the output of ``node`` read ``value``, which exists already; says whether that was possible.

    An output of the model keeps its node where ``value`` has a name that the outside knows as well.
    """
    output = node.outputs[0]
    if not output.is_graph_output():
        value.metadata_props.update(output.metadata_props)
        ir.convenience.replace_all_uses_with(output, value)
        return True
    if value.producer() is None or value.is_graph_output():
        return False
    _redirect(output, value)
    return True


def _redirect(old: ir.Value, new: ir.Value) -> None:
    new.shape = old.shape if old.shape is not None else new.shape
    new.type = old.type if old.type is not None else new.type
    new.metadata_props.update(old.metadata_props)
    ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
    name, old.name = old.name, None
    new.name = name
