"""The kernels of a step in their order, each labelled with the node that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gatewright.compiler.fabric.kernels import Kernel, Size, View
from gatewright.spec.commands import CommandSpec
from gatewright.spec.config import AcceleratorConfig

__all__ = ["KernelList"]


class KernelList:
    """Collects kernels for a configuration. ``node`` and ``operator`` label what is emitted next."""

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self.kernels: list[Kernel] = []
        self.node, self.operator = "", ""

    @contextmanager
    def labelled(self, node: str, operator: str) -> Iterator[None]:
        """Labels the kernels that are emitted inside."""
        before = self.node, self.operator
        self.node, self.operator = node, operator
        try:
            yield
        finally:
            self.node, self.operator = before

    def emit(self, spec: CommandSpec, flags: int, views: Mapping[str, View], values: Mapping[str, Size]) -> None:
        """Append one command, with its operands and its other fields by name."""
        self.kernels.append(Kernel(spec, int(flags), views, values, self.node, self.operator))
