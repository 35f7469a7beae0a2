"""What a rule works with: the values of a fabric step on the device, in every format in which they have been made."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from gatewright.compiler.fabric.emitter import Emitter
from gatewright.compiler.fabric.encode import Port, UnplacedStep
from gatewright.compiler.fabric.epilogues import with_epilogues
from gatewright.compiler.fabric.kernels import Size, View, most
from gatewright.compiler.fabric.matrices import dims, dynamic, sizes
from gatewright.compiler.formats import INT8, INT32, Format, Tensor, integer_format
from gatewright.compiler.graph_access import numpy_type, shape_of
from gatewright.compiler.quantisation.headroom import HEADROOM
from gatewright.compiler.quantisation.plan import Plan
from gatewright.program.compiled import Placement
from gatewright.spec.config import AcceleratorConfig

__all__ = ["LoweredStep"]


class LoweredStep:
    """One fabric step being lowered.

    Attributes
    ----------
    emit : collects the kernels.
    plan : formats that quantisation chose.
    capacity : the largest value of each dynamic size.
    """

    def __init__(self, config: AcceleratorConfig, plan: Plan, capacity: dict[str, int]) -> None:
        self.emit = Emitter(config)
        self.plan, self.capacity = plan, capacity
        self._tensors: dict[ir.Value, list[Tensor]] = {}
        self._inputs: dict[tuple[ir.Value, str], tuple[Port, Tensor | None]] = {}
        self._outputs: list[Port] = []

    # ---- values

    def sizes(self, value: ir.Value) -> tuple[Size, int]:
        """Rows and columns of a value."""
        return sizes(shape_of(value), self.capacity)

    def shape(self, value: ir.Value) -> tuple[int | str, ...]:
        """Its shape, with names for dynamic sizes."""
        return dims(shape_of(value))

    def target(self, value: ir.Value) -> Format:
        """The format in which its producer should write it: what all readers want, or int16 where they differ."""
        wanted = self.plan.formats(value)
        return wanted[0] if len(wanted) == 1 else self.plan.wide(value)

    def make(self, value: ir.Value, form: Format) -> Tensor:
        """Memory for a value in a format; :meth:`define` it once its kernels are emitted."""
        rows, cols = self.sizes(value)
        view = View.new(value.name or "", rows, cols, form.dtype)
        return Tensor(view, self.shape(value), form, float(1 << 8 * form.dtype.itemsize - 1))

    def has(self, value: ir.Value) -> bool:
        """Whether the value has been made, or brought, in this step."""
        return value in self._tensors

    def blank(self, shape: Sequence[int], form: Format, purpose: str) -> Tensor:
        """Memory for something between two commands, of a static shape."""
        cols = shape[-1] if len(shape) else 1
        view = View.new(f"{self.emit.node} {purpose}", math.prod(shape[:-1]), cols, form.dtype)
        return Tensor(view, tuple(shape), form, float(1 << 8 * form.dtype.itemsize - 1))

    def scratch(self, like: Tensor, form: Format, purpose: str) -> Tensor:
        """Memory for something between two commands, as large as ``like``."""
        view = View.new(f"{self.emit.node} {purpose}", like.view.rows, like.view.cols, form.dtype)
        return Tensor(view, like.shape, form, float(1 << 8 * form.dtype.itemsize - 1))

    def define(self, value: ir.Value, tensor: Tensor) -> None:
        """From now on the value is there in this format, too."""
        self._tensors.setdefault(value, []).append(tensor)

    def produce(self, value: ir.Value) -> Tensor:
        """Memory for a value in its target format, defined."""
        tensor = self.make(value, self.target(value))
        self.define(value, tensor)
        return tensor

    def stored(self, value: ir.Value) -> Tensor:
        """The value as it lies on the device, in the first format in which it was made."""
        if value not in self._tensors:
            self.define(value, self._load(value, self.target(value)))
        return self._tensors[value][0]

    def uniform(self, value: ir.Value) -> Tensor:
        """The value with one scale for all columns."""
        first = self.stored(value)
        for tensor in self._tensors[value]:
            if tensor.format.uniform and tensor.view.dtype != INT8:
                return tensor
        return first if first.format.uniform else self.take(value, self.plan.wide(value))

    def narrow(self, value: ir.Value) -> Tensor:
        """The value with one scale in at most 16 bits."""
        tensor = self.uniform(value)
        return tensor if tensor.view.dtype != INT32 else self.take(value, self.plan.wide(value))

    def take(self, value: ir.Value, form: Format) -> Tensor:
        """The value in a given format, converted once for all who ask."""
        for tensor in self._tensors.get(value, []):
            if tensor.format.same(form):
                return tensor
        if self.is_outside(value):
            tensor = self._load(value, form)
        else:
            source = max(self._tensors[value], key=lambda each: each.view.dtype.itemsize)
            tensor = self.make(value, form)
            self.emit.scale(source, tensor.view, form)
        self.define(value, tensor)
        return tensor

    # ---- what comes from outside the step

    @staticmethod
    def constant(value: ir.Value | None) -> npt.NDArray[Any] | None:
        """A constant's array, or None."""
        return None if value is None or value.const_value is None else value.const_value.numpy()

    def is_outside(self, value: ir.Value) -> bool:
        """Whether the host brings the value, or it is constant, so that any format costs nothing."""
        return value not in self._tensors or any(key is value for key, _ in self._inputs)

    def _load(self, value: ir.Value, form: Format) -> Tensor:
        if value.dtype is not None and value.dtype.is_integer():
            return self._load_integers(value)
        constant = self.constant(value)
        if constant is not None:
            rows, cols = self.sizes(value)
            values = form.quantise(np.asarray(constant, np.float64).reshape(most(rows), cols))
            view = View.constant(value.name or "", values)
            return Tensor(view, self.shape(value), form, float(np.abs(values.astype(np.int64)).max(initial=1)))
        return self._input(value, form.dtype.name, form)

    def _load_integers(self, value: ir.Value) -> Tensor:
        form, offset = integer_format(numpy_type(value))
        constant = self.constant(value)
        if constant is None:
            rules: dict[str, Any] = {"zero_point": -offset, "scale": (1.0,)} if offset else {}
            return self._input(value, form.dtype.name, None, **rules)
        rows, cols = self.sizes(value)
        values = (constant.astype(np.int64) - offset).astype(form.dtype).reshape(most(rows), cols)
        return Tensor(View.constant(value.name or "", values), self.shape(value), form, float(np.abs(values).max()))

    def _input(self, value: ir.Value, element: str, form: Format | None, *, flat: bool = False, **rules: Any) -> Tensor:
        rows, cols = self.sizes(value)
        if flat:
            rows, cols = 1, most(rows) * cols
        key = (value, f"{element} {None if form is None else form.scale.tobytes()!r} {rules}")
        if key not in self._inputs:
            memory_cols = cols if element != "bit" else -(-cols // 64) * 8
            view = View.new(value.name or "", rows, memory_cols, "uint8" if element == "bit" else element, "input")
            placement = Placement(
                name=value.name or "",
                dtype=numpy_type(value).name,
                shape=self.shape(value),
                offset=0,
                stride=view.stride,
                rows=most(rows),
                cols=cols,
                element=element,
                **({"scale": () if form is None else tuple(np.atleast_1d(form.scale).tolist())} | rules),
            )
            exact = Format(view.dtype, np.asarray(1.0))
            bound = float(1 << 8 * view.dtype.itemsize - 1)
            self._inputs[key] = (
                Port(placement, view),
                Tensor(view, self.shape(value), exact if form is None else form, bound),
            )
        found = self._inputs[key][1]
        assert found is not None
        return found

    def real(self, value: ir.Value, result: ir.Value) -> Tensor:
        """Integers as the real numbers ``result``. The host writes them in the range that calibration saw; those that
        were made in this step are there already, and exact."""
        if self.is_outside(value):
            form = self.plan.entry(value, result)
            rules: dict[str, Any] = {"zero_point": form.zero_point} if form.offset.any() else {}
            return self._input(value, form.dtype.name, form, **rules)
        tensor, offset = self.stored(value), integer_format(numpy_type(value))[1]
        seen = tensor.bound if offset else max(self.plan.largest(result) * HEADROOM, 1.0)
        form = Format(tensor.view.dtype, np.ones(()), np.asarray(float(offset)))
        return Tensor(tensor.view, tensor.shape, form, min(tensor.bound, seen))

    def integers(self, value: ir.Value, element: str, **rules: Any) -> View:
        """A step's input as integers of type ``element`` ("uint32", "bit", "int8", ...) without a scale."""
        return self._input(value, element, None, **rules).view

    def quantised(self, value: ir.Value, form: Format, zero_point: int) -> Tensor:
        """A step's input as ``round(x / scale) + zero_point``, computed by the host as ONNX's QuantizeLinear does."""
        return self._input(value, form.dtype.name, form, zero_point=zero_point)

    def indices(self, value: ir.Value, limit: int = 0) -> View:
        """A constant or a step's input as one row of uint32, as AGGREGATE reads them; ``limit`` as of placements."""
        constant = self.constant(value)
        if constant is None:
            return self._input(value, "uint32", None, flat=True, limit=limit).view
        whole = np.asarray(constant, np.int64).reshape(-1)
        return View.constant(value.name or "", np.where(whole < 0, whole + limit, whole).astype(np.uint32))

    def length(self, value: ir.Value) -> Size:
        """The number of elements of a value."""
        shape = self.shape(value)
        if len(shape) == 1 and isinstance(shape[0], str):
            return dynamic(shape[0], self.capacity)
        return math.prod(int(each) for each in shape)

    # ---- the end of a step

    def output(self, value: ir.Value) -> None:
        """The host reads the value after the step."""
        tensor = self.stored(value)
        if tensor.format.zero_point is None:
            tensor = self.uniform(value)
        if tensor.view.buffer.role != "workspace" or not _whole(tensor.view):
            copy = self.make(value, tensor.format)
            with self.emit.labelled(value.name or "", "output"):
                self.emit.scale(tensor, copy.view, tensor.format)
            tensor = copy
        tensor.view.buffer.role = "output"
        dtype = numpy_type(value)
        scale: tuple[float, ...] = tuple(np.atleast_1d(tensor.format.scale).tolist())
        zero = tensor.format.zero_point
        if not np.issubdtype(dtype, np.floating):
            zero = -integer_format(dtype)[1]
            scale = (1.0,) if zero else ()
        placement = Placement(
            name=value.name or "",
            dtype=dtype.name,
            shape=tensor.shape,
            offset=0,
            stride=tensor.view.stride,
            rows=most(tensor.view.rows),
            cols=tensor.view.cols,
            element=tensor.view.dtype.name,
            scale=scale,
            zero_point=zero or 0,
        )
        self._outputs.append(Port(placement, tensor.view))

    def finish(self) -> UnplacedStep:
        """The step, without kernels whose result nothing reads."""
        needed = {port.view.buffer for port in self._outputs}
        kept = []
        for kernel in reversed(self.emit.kernels):
            if kernel.output in needed:
                needed.update(kernel.inputs)
                kept.append(kernel)
        wanted = {port.view.buffer for port in self._outputs}
        kernels = with_epilogues(kept[::-1], wanted, self.emit.config)
        return UnplacedStep(kernels, [port for port, _ in self._inputs.values()], self._outputs)


def _whole(view: View) -> bool:
    return view.offset == 0 and view.stride * most(view.rows) == view.buffer.nbytes
