"""Verilog text of a component, with readable port names."""

from collections.abc import Mapping

from amaranth.back import rtlil, verilog
from amaranth.hdl import Signal, Value
from amaranth.hdl._ir import PortDirection  # Amaranth 0.5 has no public name for what `convert` takes
from amaranth.lib import wiring

__all__ = ["to_rtlil", "to_verilog"]


def to_verilog(component: wiring.Component, name: str, **inputs: Signal) -> str:
    """Convert ``component`` to a Verilog module ``name`` with ports ``clk``, ``rst`` and one port per member of its
    signature.

    A member inside an interface is named ``interface_member``, so that ``m_axi: Out(Axi4())`` gives ``m_axi_araddr``.
    ``inputs`` are more ports: signals that something inside reads and nothing drives. The text depends on the design
    only, not on where its sources lie.
    """
    ports = _ports(component, inputs)
    return str(verilog.convert(component, name=name, ports=ports, emit_src=False, strip_internal_attrs=True))


def to_rtlil(component: wiring.Component, name: str) -> str:
    """The same as Yosys' own text, in which each cell knows the line of the source that it comes from."""
    return str(rtlil.convert(component, name=name, ports=_ports(component, {}), emit_src=True))


def _ports(component: wiring.Component, inputs: Mapping[str, Signal]) -> dict[str, tuple[Value, PortDirection]]:
    ports = {name: (signal, PortDirection.Input) for name, signal in inputs.items()}
    for path, member, value in component.signature.flatten(component):
        direction = PortDirection.Input if member.flow is wiring.In else PortDirection.Output
        ports["_".join(map(str, path))] = (Value.cast(value), direction)
    return ports
