"""The kernels of a step in their order, each labelled with the node that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gatewright.compiler.errors import CompileError
from gatewright.compiler.fabric.kernels import Kernel, Size, View
from gatewright.spec.commands import CommandSpec
from gatewright.spec.config import AcceleratorConfig
from gatewright.spec.errors import SpecError

__all__ = ["KernelList"]


class KernelList:
    """Collects kernels for a configuration. ``node`` and ``operator`` label what is emitted next."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.kernels: list[Kernel] = []
        self.node, self.operator = "", ""

    @contextmanager
    def labelled(self, node: str, operator: str) -> Iterator[None]:
        """Labels the kernels that are emitted inside, and as :class:`CompileError` what no command can hold."""
        before = self.node, self.operator
        self.node, self.operator = node, operator
        try:
            yield
        except SpecError as error:
            raise CompileError(f"node {node} ({operator}): {error}") from None
        finally:
            self.node, self.operator = before

    def emit(self, spec: CommandSpec, flags: int, views: Mapping[str, View], values: Mapping[str, Size]) -> None:
        """Append one command, with its operands and its other fields by name."""
        self.kernels.append(Kernel(spec, int(flags), views, values, self.node, self.operator))
